"""Frames that arrived in part: told from whole ones, left out, and counted until they are a problem."""

from __future__ import annotations

from collections import deque

from edge.errors import SourceError
from edge.types import CAUSE_WORDS, Cause, Problem

WINDOW_S, WINDOW_FRAMES = 1.0, 8
"""Seconds that are judged together, and frames at least: a slow camera gives fewer in a second."""

BEGINS_AT, ENDS_BELOW = 0.3, 0.15
"""The part of these frames that must be damaged for a problem to begin, and for it to go on.

One frame alone is never a problem.
"""


class DamagedFrameError(SourceError):
    """A frame of which a part is missing. It must not be looked at; the next one may be whole."""

    detail = ""
    """Words for a person, where they say more than those of the cause."""

    def __init__(self, name: str) -> None:
        """name: the source's."""
        super().__init__(f"{name}: {self.detail or CAUSE_WORDS[Cause.PICTURE_DAMAGED]}")


class UndecodedFrameError(DamagedFrameError):
    """A frame of which nothing could be decoded: what there is of it is an old one, or black."""

    detail = "the pictures cannot be decoded: an interlaced stream? set the camera to a progressive one"


class DamageWatch:
    """Whether the good frames among the damaged ones may be trusted. Times are monotonic seconds."""

    damaged: int
    """Damaged frames so far."""

    def __init__(self) -> None:
        self.damaged = 0
        self._seen: deque[tuple[float, bool]] = deque()  # time, whether damaged
        self._detail, self._bad = "", False

    def note_good(self, now: float) -> None:
        """A whole frame came."""
        self._note(now, False)

    def note_damaged(self, now: float, error: DamagedFrameError) -> None:
        """A damaged frame came."""
        self.damaged += 1
        self._detail = error.detail
        self._note(now, True)

    def _note(self, now: float, damaged: bool) -> None:
        self._seen.append((now, damaged))
        while len(self._seen) > WINDOW_FRAMES and now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        count = sum(damaged for _, damaged in self._seen)
        share = count / len(self._seen)
        self._bad = share >= ENDS_BELOW if self._bad else count >= 2 and share >= BEGINS_AT

    @property
    def problem(self) -> Problem | None:
        """Why no frame is given at the moment, not even a good one; None where the good ones are given."""
        return Problem(Cause.PICTURE_DAMAGED, self._detail) if self._bad else None
