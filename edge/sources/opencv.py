"""USB cameras, network streams and video files through OpenCV. Its BGR ends here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import SourceError
from edge.optional import import_cv2
from edge.sources.base import Pace, SourceDefaults
from edge.sources.orientation import Orientation
from edge.sources.v4l2 import check_device, explain
from edge.types import Frame

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
"""The port of each kind of stream where the address names none."""

OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000
STALE_AFTER_S = 0.9 * READ_TIMEOUT_MS / 1e3
"""Seconds of waiting after which a frame counts as old.

After each time-out of a silent stream, FFmpeg still gives a frame that its decoder had kept.
"""


class VideoFileSource(SourceDefaults):
    """A video file, every frame once; `captured_at` is the frame's index over the file's frame rate.

    Raises SourceError where the file cannot be opened, or breaks off before the length that it states.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self._cv2 = import_cv2()
        self.name = str(path)
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty", "copy it again")
        self._capture = self._cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceError(f"{path}: not a video that OpenCV can read", "convert it to MP4 (H.264)")
        rate = self._capture.get(self._cv2.CAP_PROP_FPS)
        self._rate = rate if 0 < rate < 1000 else 25.0
        self._stated = int(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT))
        self._index = 0
        self._finished = False

    @property
    def finished(self) -> bool:
        return self._finished

    def read(self, timeout: float) -> Frame | None:
        if self._finished:
            return None
        ok, bgr = self._capture.read()
        if not ok:
            self._finished = True
            self._check_length()
            return None
        frame = Frame(
            self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB), self._index, self._index / self._rate, self.name
        )
        self._index += 1
        return frame

    def close(self) -> None:
        self._finished = True
        self._capture.release()

    def _check_length(self) -> None:
        # The length that a container states is off by a few frames; a file that was cut off lacks many more.
        if self._index < 0.95 * self._stated - 2:
            raise SourceError(
                f"{self.name}: the video breaks off after frame {self._index} of {self._stated}",
                "copy it again",
            )


class CameraSource(SourceDefaults):
    """A USB camera (`usb:0`, `/dev/v4l/by-id/...`) or a network stream (`rtsp://...`), in real time.

    A USB camera may give another size and rate than the one asked for. Frames beyond the rate are skipped;
    flips and rotation are done here. Raises SourceError where it cannot be opened or is lost.
    """

    live = True

    def __init__(
        self,
        address: Path | str,
        name: str,
        source: SourceConfig | None = None,
        camera: CameraConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """address: a Path is a USB camera's device, looked up again at each opening; a str is a stream."""
        # Else the libraries write past our log at each attempt to open. They read this once, at import.
        os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self._cv2 = import_cv2()
        self.name, self._clock, self._index = name, clock, 0
        source, camera = source or SourceConfig(), camera or CameraConfig()
        self._orientation = Orientation.of(camera.hflip, camera.vflip, camera.rotation)
        self._pace = Pace(1 / source.fps, clock())
        self._capture = (
            self._open_device(address, source) if isinstance(address, Path) else self._open_stream(address)
        )
        self.format = _four_letters(int(self._capture.get(self._cv2.CAP_PROP_FOURCC)))

    @property
    def finished(self) -> bool:
        return False

    def read(self, timeout: float) -> Frame | None:
        before = self._clock()
        deadline = before + timeout
        while self._capture.grab():
            now = self._clock()
            if now - before >= STALE_AFTER_S:
                break
            before = now
            if now >= self._pace.next_at:
                ok, bgr = self._capture.retrieve()
                if not ok:
                    break
                self._pace.took(now)
                rgb = self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)
                frame = Frame(self._orientation.apply(rgb), self._index, now, self.name)
                self._index += 1
                return frame
            if now >= deadline:
                return None
        raise SourceError(f"{self.name}: gives no more pictures", "check its cable or network")

    def close(self) -> None:
        self._capture.release()

    def _open_device(self, path: Path, source: SourceConfig) -> Any:
        cv2 = self._cv2
        device = check_device(path, self.name)
        capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
        if not capture.isOpened():
            raise explain(device, self.name)
        width, height = self._orientation.size(source.width, source.height)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, source.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def _open_stream(self, address: str) -> Any:
        cv2 = self._cv2
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise _explain_stream(address, self.name)
        return capture


def _explain_stream(address: str, name: str) -> SourceError:
    """Why a stream cannot be opened. FFmpeg says only that it failed.

    Whether anybody answers at that address tells a missing camera from a wrong path or password.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 80)
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        why = error.strerror or str(error)
        return SourceError(
            f"{name}: nobody answers at {host}:{port} ({why})",
            "is the camera switched on and in this network?",
        )
    return SourceError(
        f"{name}: {host} answers but gives no stream", "check the path, user and password in the address"
    )


def _four_letters(code: int) -> str:
    """A FOURCC code as text, as in `MJPG`; empty where it is not known."""
    letters = bytes(code >> shift & 0xFF for shift in (0, 8, 16, 24)) if code > 0 else b""
    return letters.decode("ascii", "replace").strip("\0 ")
