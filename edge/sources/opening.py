"""Where frames come from: `open_source` turns an address into a source."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

from edge.errors import SourceError
from edge.pictures.files import SUFFIXES
from edge.sources.base import CameraSettings, Source
from edge.sources.live import FROZEN_AFTER_S, LiveFeed

STREAMS = ("rtsp://", "rtsps://", "http://", "https://", "rtmp://")
FORMS = "demo, picamera, usb:0, /dev/video0, rtsp://..., a video file, a picture, or a folder of pictures"


def open_source(uri: str, settings: CameraSettings | None = None, wait: bool = False) -> Source:
    """A source by its address.

    uri: demo, picamera[:N], usb:N, /dev/videoN, usb:/dev/v4l/by-id/NAME, rtsp:// or http:// stream, video file, picture, folder of pictures.
    settings: for cameras. wait: a camera that is not there yet is waited for.
    Live sources come wrapped in a LiveFeed. Raises SourceError, which names the address and what to try.
    """
    settings = settings or CameraSettings()
    if uri == "demo":
        from edge.sources.demo import DemoSource

        return LiveFeed(lambda: DemoSource(realtime=True))
    module = re.fullmatch(r"picamera(?::(\d+))?", uri)
    if module:
        from edge.sources.picamera import PiCameraSource

        number = int(module[1] or 0)
        return LiveFeed(lambda: PiCameraSource(number, settings), wait=wait, name=f"picamera:{number}")
    device = re.fullmatch(r"(?:usb:|/dev/video)(\d+)|(?:usb:)?(/dev/v4l/.+)", uri)
    if device or is_stream(uri):
        from edge.sources.opencv import CameraSource

        address: Path | str = Path(device[2] or f"/dev/video{device[1]}") if device else uri
        name = (f"usb:{device[1]}" if device[1] else f"usb:{device[2]}") if device else without_password(uri)
        return LiveFeed(
            lambda: CameraSource(address, name, settings),
            wait=wait,
            name=name,
            frozen_after_s=inf if is_stream(uri) else FROZEN_AFTER_S,
        )
    return _open_file(Path(uri))


def is_stream(uri: str) -> bool:
    """Whether the pictures come encoded over a network."""
    return uri.startswith(STREAMS)


def without_password(uri: str) -> str:
    """A stream's address as it may stand in a log."""
    return re.sub(r"//[^/@]*@", "//***@", uri)


def _open_file(path: Path) -> Source:
    try:
        path.stat()
    except FileNotFoundError:
        raise SourceError(f"{path}: no such source; use {FORMS}") from None
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        from edge.sources.images import PictureSource

        return PictureSource(path)
    from edge.sources.opencv import VideoFileSource

    return VideoFileSource(path)
