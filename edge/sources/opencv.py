"""USB cameras and network streams through OpenCV."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from edge.address import Address
from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import SourceError
from edge.sources.base import Pace, SourceDefaults
from edge.sources.capture import Capture
from edge.sources.damage import DamagedFrameError, DamageWatch
from edge.sources.ffmpeg import import_quiet_cv2, listen
from edge.sources.orientation import Orientation
from edge.sources.v4l2 import check_device, explain
from edge.types import Frame

UNCOMPRESSED_PIXELS = 640 * 480
"""The largest picture that a USB camera is not asked to compress."""

OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000
STALE_AFTER_S = 0.9 * READ_TIMEOUT_MS / 1e3
"""Seconds of waiting after which a frame counts as old.

After each time-out of a silent stream, FFmpeg still gives a frame that its decoder had kept.
"""


class CameraSource(SourceDefaults):
    """A USB camera (`usb:0`, `/dev/v4l/by-id/...`) or a network stream (`rtsp://...`), in real time.

    A USB camera may give another size and rate than the one asked for. Frames beyond the rate are skipped;
    flips and rotation are done here. Raises SourceError where it cannot be opened or is lost.
    """

    live = True

    def __init__(
        self,
        address: Path | Address | str,
        name: str,
        source: SourceConfig | None = None,
        camera: CameraConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """address: a Path is a USB camera's device, looked up again at each opening; all else is a stream."""
        self._cv2 = import_quiet_cv2()
        self.name, self._clock, self._index = name, clock, 0
        source, camera = source or SourceConfig(), camera or CameraConfig()
        self._orientation = Orientation.of(camera.hflip, camera.vflip, camera.rotation)
        self._pace = Pace(1 / source.fps, clock())
        self._damage = DamageWatch()
        self._capture = (
            self._open_device(address, source, camera)
            if isinstance(address, Path)
            else self._open_stream(address)
        )
        self.format = self._capture.codec

    @property
    def finished(self) -> bool:
        return False

    @property
    def damaged(self) -> int:
        """Frames so far that were left out, because a part of them was missing."""
        return self._damage.damaged

    def read(self, timeout: float) -> Frame | None:
        before = self._clock()
        deadline = before + timeout
        while self._capture.grab():
            now = self._clock()
            if now - before >= STALE_AFTER_S:
                break
            before = now
            if now >= self._pace.next_at:
                return self._take(now)
            if now >= deadline:
                return None
        raise SourceError(f"{self.name}: gives no more pictures", "check its cable or network")

    def close(self) -> None:
        self._capture.release()

    def _take(self, now: float) -> Frame | None:
        """The frame that was grabbed; None where it is damaged, or too many others are."""
        try:
            pixels = self._capture.retrieve()
        except DamagedFrameError as error:
            self._damage.note_damaged(now, error)
            self.problem = self._damage.problem
            return None
        self._pace.took(now)
        self._damage.note_good(now)
        self.problem = self._damage.problem
        if self.problem is not None:
            return None
        frame = Frame(self._orientation.apply(pixels), self._index, now, self.name)
        self._index += 1
        return frame

    def _open_device(self, path: Path, source: SourceConfig, camera: CameraConfig) -> Capture:
        cv2 = self._cv2
        device = check_device(path, self.name)
        capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise explain(device, self.name)
        width, height = self._orientation.size(source.width, source.height)
        code = wanted_format(camera.format, width, height)
        if code:  # before the size: what sizes there are depends on it
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, source.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        opened = Capture(capture, self.name)
        opened.ask_for_jpegs(cv2.CAP_PROP_CONVERT_RGB, 0)
        return opened

    def _open_stream(self, address: Address | str) -> Capture:
        cv2, address = self._cv2, Address.of(address)
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ]
        capture = cv2.VideoCapture(address.reveal(), cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise _explain_stream(address, self.name)
        opened = Capture(capture, self.name, listen())
        opened.ask_for_jpegs(cv2.CAP_PROP_FORMAT, -1)
        return opened


def wanted_format(setting: str, width: int, height: int) -> str:
    """The FOURCC code to ask a USB camera for; empty: OpenCV chooses, and prefers uncompressed frames.

    setting: `[camera] format`. width, height: px. USB 2 carries 30 uncompressed frames a second of 640x480,
    and only a few of larger ones.
    """
    if setting == "auto":
        return "MJPG" if width * height > UNCOMPRESSED_PIXELS else ""
    return setting.upper()


def _explain_stream(address: Address, name: str) -> SourceError:
    """Why a stream cannot be opened. FFmpeg says only that it failed.

    Whether anybody answers at that address tells a missing camera from a wrong path or password.
    """
    login = "; ".join(["check the path, user and password in the address", *filter(None, [address.hint])])
    if address.place is None:
        return SourceError(f"{name}: gives no stream", login)
    host, port = address.place
    try:
        socket.create_connection((host, port), timeout=3).close()
    except (OSError, ValueError) as error:  # ValueError: no name of a host can look like this
        why = getattr(error, "strerror", None) or str(error)
        return SourceError(
            f"{name}: nobody answers at {host}:{port} ({why})",
            "is the camera switched on and in this network?",
        )
    return SourceError(f"{name}: {host} answers but gives no stream", login)
