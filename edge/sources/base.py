"""What every source is."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from edge.types import Frame, Problem


class Source(Protocol):
    """Gives frames, one after the other.

    name: for people and logs. live: frames come in real time and may be dropped; otherwise none is skipped and `captured_at` counts the
    source's own seconds from 0, so that a run is reproducible. finished: no frame will ever come again.
    """

    name: str
    live: bool

    @property
    def finished(self) -> bool: ...

    @property
    def problem(self) -> Problem | None: ...

    @property
    def dropped(self) -> int: ...

    @property
    def format(self) -> str: ...

    def read(self, timeout: float) -> Frame | None:
        """The next frame, or None after `timeout` seconds without one, or when finished. Raises SourceError where the source is lost."""

    def close(self) -> None:
        """Give everything back; may be called twice."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """What is asked of a camera; it may give something else, and its frames say what.

    width, height: of the upright full view, px. fps: frames a second at most. hflip, vflip: mirrored; rotation: degrees clockwise, after the
    flips. exposure_max_ms: 0 for no limit. preview: width and height (px) of the small view for the detector, where the camera can make one.
    """

    width: int = 640
    height: int = 480
    fps: int = 15
    hflip: bool = False
    vflip: bool = False
    rotation: int = 0
    exposure_max_ms: float = 20.0
    preview: tuple[int, int] | None = None


@dataclass(slots=True)
class Pace:
    """Frames at most every `period` seconds: a camera may run faster than anybody looks. next_at: when the next one is due."""

    period: float
    next_at: float

    def took(self, now: float) -> None:
        """A frame was taken; the next one keeps the beat, unless a whole beat was missed."""
        kept = self.next_at + self.period
        self.next_at = kept if kept > now else now + self.period


class ContextMixin:
    """Makes a source a context manager, with nothing wrong, nothing dropped and no format to tell of."""

    problem: Problem | None = None
    dropped: int = 0
    format: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; may be called twice."""
