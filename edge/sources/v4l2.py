"""Video4Linux devices: which cameras there are, and why one cannot be opened. Structures and numbers as in linux/videodev2.h."""

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
"""VIDIOC_QUERYCAP fills struct v4l2_capability: driver, card, bus_info, version, capabilities, device_caps."""

REQBUFS, REQUEST_BUFFERS = 0xC0145608, struct.Struct("III8x")
"""VIDIOC_REQBUFS takes struct v4l2_requestbuffers: count, type, memory. A count of 0 takes nothing, and is refused while another program streams."""

VIDEO_CAPTURE, MEMORY_MMAP = 1, 1
CAMERA_MODULES = ("unicam", "rp1-cfe")
"""The drivers behind a Pi's camera module: its pictures come through libcamera alone."""


def list_usb_cameras(devices: Path = DEVICES, classes: Path = CLASSES) -> list[str]:
    """USB cameras, such as "/dev/video0 (HD Webcam)". A camera's further device files, for its metadata, are left out."""
    found = []
    for folder in sorted(classes.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if _read(folder / "index") == "0" and "/usb" in str(folder.resolve()):
            found.append(f"{devices / folder.name} ({_read(folder / 'name')})")
    return found


def check_device(path: Path, name: str) -> Path:
    """The device file behind a path, /dev/v4l/by-id/... included. Raises SourceError where it is missing or forbidden."""
    device = path.resolve()
    if not device.exists():
        present = ", ".join(list_usb_cameras()) or "none"
        raise SourceError(
            f"{name}: no device {path} (USB cameras present: {present}); plug the camera in, or choose another"
        )
    if not may_use(device):
        raise SourceError(*no_permission(device, "video", name))
    return device


def explain(device: Path, name: str) -> SourceError:
    """Why a device that is there gives no pictures: busy, the camera module, no camera at all, or not known."""
    try:
        file = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return (
            _busy(device, name)
            if error.errno == errno.EBUSY
            else SourceError(f"{name}: {device}: {error.strerror}; unplug it and plug it in again")
        )
    try:
        driver, card, _, _, _, capabilities = CAPABILITY.unpack(
            fcntl.ioctl(file, QUERYCAP, bytes(CAPABILITY.size))
        )
        if _text(driver) in CAMERA_MODULES:
            return SourceError(f"{name}: {device} is the camera module; use the source `picamera`")
        if not capabilities & VIDEO_CAPTURE:
            cameras = ", ".join(list_usb_cameras()) or "none"
            return SourceError(f"{name}: {device} ({_text(card)}) is no camera; choose one of: {cameras}")
        fcntl.ioctl(file, REQBUFS, REQUEST_BUFFERS.pack(0, VIDEO_CAPTURE, MEMORY_MMAP))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return _busy(device, name)
    finally:
        os.close(file)
    return SourceError(f"{name}: cannot be opened; unplug it and plug it in again")


def _busy(device: Path, name: str) -> SourceError:
    return SourceError(f"{name}: in use by another program; `sudo fuser -v {device}` shows which: stop it")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="replace")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
