"""Video files through OpenCV."""

from __future__ import annotations

from pathlib import Path

from edge.errors import SourceError
from edge.sources.base import SourceDefaults
from edge.sources.capture import Capture
from edge.sources.containers import explain_video
from edge.sources.damage import DamagedFrameError, UndecodedFrameError
from edge.sources.ffmpeg import import_quiet_cv2, listen
from edge.types import Frame, Pixels

DEFAULT_RATE = 25.0
"""Frames a second, for times where the file states no usable rate and its frames bear none."""

COMPLETE, TOLERANCE = 0.95, 2
"""A file that has this part of its stated length, but for some frames, was not cut off."""


class VideoFileSource(SourceDefaults):
    """A video file, every frame once; `captured_at` is the frame's own time stamp, the first one's being 0.

    Damaged frames are left out. Raises SourceError where the file cannot be opened, and at its end where no
    picture could be decoded, where it breaks off, or where frames were left out.
    """

    live = False

    damaged: int
    """Frames so far that were left out, because they could not be decoded as a whole."""

    def __init__(self, path: Path) -> None:
        self._cv2 = import_quiet_cv2()
        self.name = str(path)
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty", "copy it again")
        # FFmpeg takes what stands before a colon for a protocol, unless the path begins with a slash.
        capture = self._cv2.VideoCapture(str(path.absolute()))
        if not capture.isOpened():
            raise explain_video(path)
        self._capture = Capture(capture, self.name, listen())
        self.format = self._capture.codec
        if not self._capture.get(self._cv2.CAP_PROP_ORIENTATION_META):  # undecoded frames would not be turned
            self._capture.ask_for_jpegs(self._cv2.CAP_PROP_FORMAT, -1)
        rate = self._capture.get(self._cv2.CAP_PROP_FPS)
        self._rate = rate if 0 < rate < 1000 else DEFAULT_RATE
        self._stated = int(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT))
        self._index, self.damaged, self._undecoded = 0, 0, 0
        self._at, self._begin = 0.0, 0.0
        self._finished = False

    @property
    def finished(self) -> bool:
        return self._finished

    def read(self, timeout: float) -> Frame | None:
        while not self._finished:
            if not self._capture.grab():
                self._finished = True
                self._check_end()
                return None
            number, self._at = self._index, self._time()
            self._index += 1
            pixels = self._retrieve()
            if pixels is not None:
                return Frame(pixels, number, self._at, self.name)
        return None

    def close(self) -> None:
        self._finished = True
        self._capture.release()

    def _retrieve(self) -> Pixels | None:
        """The frame's pixels; None for a damaged one."""
        try:
            pixels = self._capture.retrieve()
        except DamagedFrameError as error:
            self.damaged += 1
            self._undecoded += isinstance(error, UndecodedFrameError)
            return None
        self._undecoded += not pixels.any()
        return pixels

    def _time(self) -> float:
        """Seconds since the first frame, by the frames' time stamps; where these stand still, by the rate."""
        stamp = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1e3
        if self._index == 0:
            self._begin = stamp
            return 0.0
        at = stamp - self._begin
        return at if at > self._at else self._at + 1 / self._rate

    def _check_end(self) -> None:
        if self._index and self._index == self._undecoded:
            raise SourceError(
                f"{self.name}: not one picture of it could be decoded (interlaced?)",
                "convert it: `ffmpeg -i IN -vf yadif OUT.mp4`",
            )
        if self._breaks_off():
            raise SourceError(
                f"{self.name}: the video breaks off after frame {self._index} of {self._stated}",
                "copy it again",
            )
        if self.damaged:
            raise SourceError(
                f"{self.name}: {self.damaged} of {self._index} frames are damaged and were not looked at",
                "copy it again",
            )

    def _breaks_off(self) -> bool:
        """Whether both frames and seconds lack: a stated count may be a guess, of the length and a rate."""
        few = self._index < COMPLETE * self._stated - TOLERANCE
        return few and self._at < (COMPLETE * self._stated - TOLERANCE) / self._rate


def holds_several_frames(path: Path) -> bool:
    """Whether a file can be opened as a video and has a second frame."""
    capture = import_quiet_cv2().VideoCapture(str(path.absolute()))
    try:
        return bool(capture.grab() and capture.grab())
    finally:
        capture.release()
