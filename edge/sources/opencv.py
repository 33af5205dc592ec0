"""USB cameras, network streams and video files through OpenCV. Its BGR ends here."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from edge.errors import SourceError
from edge.pictures import import_cv2
from edge.sources.base import CameraSettings, ContextMixin
from edge.sources.orientation import Orientation
from edge.types import Frame

OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 5_000


class VideoFileSource(ContextMixin):
    """A video file, every frame once; `captured_at` is the frame's index over the file's frame rate.

    Raises SourceError where the file cannot be opened, or breaks off before the length that it states.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self._cv2 = import_cv2()
        self.name = str(path)
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty; copy it again")
        self._capture = self._cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceError(f"{path}: not a video that OpenCV can read; convert it to MP4 (H.264)")
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
        frame = Frame(self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB), self._index, self._index / self._rate, self.name)
        self._index += 1
        return frame

    def close(self) -> None:
        self._finished = True
        self._capture.release()

    def _check_length(self) -> None:
        # Containers count a little wrongly; a file that was cut off lacks far more than that.
        if self._index < 0.95 * self._stated - 2:
            raise SourceError(f"{self.name}: the video breaks off after frame {self._index} of {self._stated}; copy it again")


class CameraSource(ContextMixin):
    """A USB camera (`usb:0`, `/dev/video0`) or a network stream (`rtsp://...`), in real time.

    settings: size and rate are asked of a USB camera, which may give others; flips and rotation are done here. Raises SourceError where it cannot
    be opened or is lost.
    """

    live = True

    def __init__(self, address: str | int, name: str, settings: CameraSettings | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._cv2 = cv2 = import_cv2()
        settings = settings or CameraSettings()
        self._orientation = Orientation.of(settings.hflip, settings.vflip, settings.rotation)
        self.name, self._clock, self._index = name, clock, 0
        if isinstance(address, int):
            _explain_device(address)
            self._capture = cv2.VideoCapture(address, cv2.CAP_V4L2)
            width, height = self._orientation.size(settings.width, settings.height)
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            self._capture.set(cv2.CAP_PROP_FPS, settings.fps)
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
            self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"{name}: cannot be opened; is it plugged in, switched on and not used by another program?")

    @property
    def finished(self) -> bool:
        return False

    def read(self, timeout: float) -> Frame | None:
        ok, bgr = self._capture.read()
        if not ok:
            raise SourceError(f"{self.name}: gives no more pictures; check its cable or network")
        rgb = self._cv2.cvtColor(bgr, self._cv2.COLOR_BGR2RGB)
        frame = Frame(self._orientation.apply(rgb), self._index, self._clock(), self.name)
        self._index += 1
        return frame

    def close(self) -> None:
        self._capture.release()


def _explain_device(number: int, root: Path = Path("/dev")) -> None:
    """OpenCV only says that opening failed; the device file tells absent from forbidden. Raises SourceError."""
    path = root / f"video{number}"
    if not path.exists():
        present = ", ".join(sorted(p.name for p in root.glob("video*"))) or "none"
        raise SourceError(f"usb:{number}: no device {path} (present: {present}); plug the camera in, or choose another number")
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        raise SourceError(f"usb:{number}: no permission for {path}; `sudo usermod -aG video $USER`, then log in again") from None
    except OSError as error:
        raise SourceError(f"usb:{number}: {path}: {error.strerror}; is another program using the camera?") from error
