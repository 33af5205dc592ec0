"""Turns an address into a source."""

from __future__ import annotations

import re
import stat
from math import inf
from pathlib import Path

from edge.address import FORMS, Address, Kind
from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import ConfigError, SourceError
from edge.pictures.files import is_picture
from edge.pictures.kinds import SUFFIXES
from edge.sources.base import Source
from edge.sources.live import BACK_OFF_S, FROZEN_AFTER_S, HANG_CURE, LiveFeed

MOVING = (".gif", ".mjpg", ".mjpeg")
"""Names of files that may hold a picture or many: a video of JPEGs begins as one."""

USB_WORDS = frozenset({"usb", "usb:", "cam", "camera", "webcam", "video", "v4l2"})
MODULE_WORDS = frozenset({"picam", "picamera2", "picam2", "libcamera", "rpicam", "csi", "raspicam", "pi"})
"""Words for a USB camera and for a camera module that are no address."""


def open_source(
    source: SourceConfig, camera: CameraConfig | None = None, preview: tuple[int, int] | None = None
) -> Source:
    """A source by its address. A live one comes wrapped in a LiveFeed.

    source.uri: demo, picamera[:N], usb:N, /dev/videoN, usb:/dev/v4l/by-id/NAME, an rtsp:// or http:// stream,
    a video file, a picture, or a folder of pictures.
    preview: width and height (px) of the small view for the detector, where the camera can make one.
    Raises SourceError, which names the address and what to try; ConfigError for one that is none.
    """
    camera, address = camera or CameraConfig(), source.uri
    if address.fault is not None:
        raise ConfigError(f"source.uri: {address.fault.what}", address.fault.cure)
    if address.kind is Kind.DEMO:
        return _open_demo()
    if address.kind is Kind.MODULE:
        return _open_module(address.module, source, camera, preview)
    if address.kind is Kind.DEVICE:
        return _open_camera(Path(address.device), address.name, source, camera)
    if address.kind is Kind.STREAM:
        return _open_camera(address, address.name, source, camera)
    return _open_file(address)


def _open_demo() -> Source:
    from edge.sources.demo import DemoSource

    return LiveFeed(lambda: DemoSource(realtime=True))


def _open_module(
    number: int, source: SourceConfig, camera: CameraConfig, preview: tuple[int, int] | None
) -> Source:
    """The camera module with this number."""
    from edge.sources.picamera import AI_BACK_OFF_S, AI_CAMERA, REBOOT, PiCameraSource, camera_model

    delicate = camera_model(number) == AI_CAMERA
    return LiveFeed(
        lambda: PiCameraSource(number, source, camera, preview),
        back_off=AI_BACK_OFF_S if delicate else BACK_OFF_S,
        wait=source.wait,
        name=f"picamera:{number}",
        hang_cure=REBOOT if delicate else HANG_CURE,
    )


def _open_camera(address: Path | Address, name: str, source: SourceConfig, camera: CameraConfig) -> Source:
    """A USB camera by its device file, or a stream by its address."""
    from edge.sources.opencv import CameraSource

    return LiveFeed(
        lambda: CameraSource(address, name, source, camera),
        wait=source.wait,
        name=name,
        frozen_after_s=FROZEN_AFTER_S if isinstance(address, Path) else inf,
    )


def _meant(text: str) -> str | None:
    """What somebody wanted who wrote a camera's number or a word for it; None for anything else."""
    word = text.strip().lower()
    number = re.fullmatch(r"(?:usb|video|cam|camera|webcam)?[:= ]?(\d{1,3})", word)
    if number or word in USB_WORDS:
        return f"did you mean usb:{number[1] if number else 0}?"
    return "did you mean picamera?" if word in MODULE_WORDS else None


def _open_file(address: Address) -> Source:
    if not address.reveal().strip():
        raise SourceError("the source is empty", f"use {FORMS}")
    path = Path(address.reveal())
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"{address}: no such source", _meant(str(address)) or f"use {FORMS}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{address}: cannot be read ({why})", "check the path and its permissions"
        ) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise SourceError(f"{address}: a pipe, socket or device is no source", f"use {FORMS}")
    from edge.sources.images import PictureSource
    from edge.sources.video import VideoFileSource, holds_several_frames

    if path.is_dir():
        return PictureSource(path)
    suffix = path.suffix.lower()
    if suffix in MOVING and holds_several_frames(path):
        return VideoFileSource(path)
    return PictureSource(path) if suffix in SUFFIXES or is_picture(path) else VideoFileSource(path)
