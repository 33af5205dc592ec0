"""What every source is."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from edge.types import Frame, Problem


class Source(Protocol):
    """Gives frames, one after the other."""

    name: str
    """For people and logs."""
    live: bool
    """True: frames come in real time and may be dropped.

    False: no frame is skipped, and `captured_at` counts the source's own seconds from 0, so that a run can be
    repeated to the byte.
    """

    @property
    def finished(self) -> bool:
        """Whether no frame will ever come again."""

    @property
    def problem(self) -> Problem | None:
        """Why no frames come at the moment; None where they do."""

    @property
    def dropped(self) -> int:
        """Frames so far that were replaced by newer ones before anybody read them."""

    @property
    def skipped(self) -> int:
        """Pictures of a folder that could not be read; they are also said."""

    @property
    def format(self) -> str:
        """The camera's own pixel format or codec, as in `MJPG`; empty where it is not known."""

    def read(self, timeout: float) -> Frame | None:
        """The next frame; None after `timeout` seconds without one, or when finished.

        Raises SourceError where the source is lost.
        """

    def close(self) -> None:
        """Give everything back; may be called twice."""


@dataclass(slots=True)
class Pace:
    """Lets through at most one frame a period: a camera may run faster than the door looks."""

    period: float
    """Seconds."""
    next_at: float
    """When the next frame is due, monotonic seconds."""

    def took(self, now: float) -> None:
        """A frame was taken; the next one keeps the beat, unless a whole beat was missed."""
        kept = self.next_at + self.period
        self.next_at = kept if kept > now else now + self.period


class SourceDefaults:
    """A source that is a context manager, has no problem, drops no frame, and does not know its format."""

    problem: Problem | None = None
    dropped: int = 0
    skipped: int = 0
    format: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; may be called twice."""
