"""Turns an address into a source."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import SourceError
from edge.pictures.files import SUFFIXES
from edge.sources.base import Source
from edge.sources.live import FROZEN_AFTER_S, LiveFeed

STREAMS = ("rtsp://", "rtsps://", "http://", "https://", "rtmp://")
FORMS = "demo, picamera, usb:0, /dev/video0, rtsp://..., a video file, a picture, or a folder of pictures"


def open_source(
    source: SourceConfig, camera: CameraConfig | None = None, preview: tuple[int, int] | None = None
) -> Source:
    """A source by its address. A live one comes wrapped in a LiveFeed.

    source.uri: demo, picamera[:N], usb:N, /dev/videoN, usb:/dev/v4l/by-id/NAME, an rtsp:// or http:// stream,
    a video file, a picture, or a folder of pictures.
    preview: width and height (px) of the small view for the detector, where the camera can make one.
    Raises SourceError, which names the address and what to try.
    """
    camera, uri = camera or CameraConfig(), source.uri
    if uri == "demo":
        return _open_demo()
    module = re.fullmatch(r"picamera(?::(\d+))?", uri)
    if module:
        return _open_module(int(module[1] or 0), source, camera, preview)
    device = re.fullmatch(r"(?:usb:|/dev/video)(\d+)|(?:usb:)?(/dev/v4l/.+)", uri)
    if device:
        path = Path(device[2] or f"/dev/video{device[1]}")
        return _open_camera(path, f"usb:{device[1] or device[2]}", source, camera)
    if is_stream(uri):
        return _open_camera(uri, without_password(uri), source, camera)
    return _open_file(Path(uri))


def is_stream(uri: str) -> bool:
    """Whether the frames come encoded over a network."""
    return uri.startswith(STREAMS)


def without_password(uri: str) -> str:
    """A stream's address as it may stand in a log."""
    return re.sub(r"//[^/@]*@", "//***@", uri)


def _open_demo() -> Source:
    from edge.sources.demo import DemoSource

    return LiveFeed(lambda: DemoSource(realtime=True))


def _open_module(
    number: int, source: SourceConfig, camera: CameraConfig, preview: tuple[int, int] | None
) -> Source:
    """The camera module with this number."""
    from edge.sources.picamera import PiCameraSource

    return LiveFeed(
        lambda: PiCameraSource(number, source, camera, preview), wait=source.wait, name=f"picamera:{number}"
    )


def _open_camera(address: Path | str, name: str, source: SourceConfig, camera: CameraConfig) -> Source:
    """A USB camera by its device file, or a stream by its address."""
    from edge.sources.opencv import CameraSource

    return LiveFeed(
        lambda: CameraSource(address, name, source, camera),
        wait=source.wait,
        name=name,
        frozen_after_s=FROZEN_AFTER_S if isinstance(address, Path) else inf,
    )


def _open_file(path: Path) -> Source:
    try:
        path.stat()
    except FileNotFoundError:
        raise SourceError(f"{path}: no such source", f"use {FORMS}") from None
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        from edge.sources.images import PictureSource

        return PictureSource(path)
    from edge.sources.video import VideoFileSource

    return VideoFileSource(path)
