"""Video4Linux devices: which cameras there are, and why one cannot be opened.

Structures and numbers are those of linux/videodev2.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

from edge.errors import SourceError
from edge.host.access import may_use, no_permission

DEVICES, CLASSES = Path("/dev"), Path("/sys/class/video4linux")

QUERYCAP, CAPABILITY = 0x80685600, struct.Struct("16s32s32sIII12x")
"""VIDIOC_QUERYCAP fills struct v4l2_capability.

Its fields: driver, card, bus_info, version, capabilities, device_caps.
"""

REQBUFS, REQUEST_BUFFERS = 0xC0145608, struct.Struct("III8x")
"""VIDIOC_REQBUFS takes struct v4l2_requestbuffers: count, type, memory.

A count of 0 asks for no buffer, and is refused while another program streams.
"""

VIDEO_CAPTURE, MEMORY_MMAP = 1, 1
CAMERA_MODULES = ("unicam", "rp1-cfe")
"""Drivers of a Pi's camera module, whose pictures come only through libcamera."""

REPLUG = "unplug it and plug it in again"


def list_usb_cameras(devices: Path = DEVICES, classes: Path = CLASSES) -> list[str]:
    """USB cameras, as in "/dev/video0 (HD Webcam)". Their second device files, for metadata, are left out."""
    found = []
    for folder in sorted(classes.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if _read(folder / "index") == "0" and "/usb" in str(folder.resolve()):
            found.append(f"{devices / folder.name} ({_read(folder / 'name')})")
    return found


def check_device(path: Path, name: str) -> Path:
    """The device file that a path leads to, as /dev/v4l/by-id/... does.

    name: the camera's, for errors. Raises SourceError where the file is missing or forbidden.
    """
    device = path.resolve()
    if not device.exists():
        raise SourceError(
            f"{name}: no device {path} (USB cameras present: {_present()})",
            "plug the camera in, or choose another",
        )
    if not may_use(device):
        raise SourceError(*no_permission(device, "video", name))
    return device


def explain(device: Path, name: str) -> SourceError:
    """Why a device that is there gives no pictures: busy, the camera module, no camera at all, or unknown."""
    try:
        file = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return _busy(device, name)
        return SourceError(f"{name}: {device}: {error.strerror}", REPLUG)
    try:
        return _wrong_kind(file, device, name) or _refused(file, name)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return _busy(device, name)
        return SourceError(f"{name}: cannot be opened", REPLUG)
    finally:
        os.close(file)


def _wrong_kind(file: int, device: Path, name: str) -> SourceError | None:
    """The error for a device that is no USB camera; None for one that is. Raises OSError."""
    answer = fcntl.ioctl(file, QUERYCAP, bytes(CAPABILITY.size))
    driver, card, _, _, _, capabilities = CAPABILITY.unpack(answer)
    if _text(driver) in CAMERA_MODULES:
        return SourceError(f"{name}: {device} is the camera module", "use the source `picamera`")
    if not capabilities & VIDEO_CAPTURE:
        return SourceError(f"{name}: {device} ({_text(card)}) is no camera", f"choose one of: {_present()}")
    return None


def _refused(file: int, name: str) -> SourceError:
    """The error for a camera that gives no pictures. Raises OSError (EBUSY) where another program streams."""
    fcntl.ioctl(file, REQBUFS, REQUEST_BUFFERS.pack(0, VIDEO_CAPTURE, MEMORY_MMAP))
    return SourceError(f"{name}: cannot be opened", REPLUG)


def _busy(device: Path, name: str) -> SourceError:
    return SourceError(f"{name}: in use by another program", f"`sudo fuser -v {device}` shows which: stop it")


def _present() -> str:
    return ", ".join(list_usb_cameras()) or "none"


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
