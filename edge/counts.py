"""What happened at the door, counted once: the log's summary, the service's status and `bench` read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edge.types import EventKind, FrameResult, State


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts at one moment."""

    at: float = 0.0
    """Seconds on the clock that stamps the results."""
    frames: int = 0
    intervals: int = 0
    """Frames that came after an earlier result: a rate is intervals divided by seconds."""
    new_faces: int = 0
    """Tracks that were confirmed."""
    dropped: int = 0
    """Frames that the source dropped because a newer one came first."""

    def since(self, before: Totals) -> Totals:
        """The counts between `before` and now; their `at` is the seconds between the two."""
        return Totals(
            self.at - before.at,
            self.frames - before.frames,
            self.intervals - before.intervals,
            self.new_faces - before.new_faces,
            self.dropped - before.dropped,
        )

    @property
    def fps(self) -> float:
        """Frames a second, for counts that `since` returned; 0 where no time has passed."""
        return self.intervals / self.at if self.at > 0 else 0.0


@dataclass(slots=True)
class Counts:
    """Counts of one door since it was opened. The loop adds each result before the sinks see it."""

    frames: int = 0
    intervals: int = 0
    new_faces: int = 0
    dropped: int = 0
    faces: int = 0
    """Confirmed faces, summed over the frames."""
    decisions: Counter[State] = field(default_factory=Counter)
    """State -> number of times that it began."""
    at: float | None = None
    """When the latest result came, seconds on the monotonic clock; None before the first."""
    _state: State | None = None

    def add(self, result: FrameResult, now: float, dropped: int = 0) -> None:
        """Count one result. now: seconds. dropped: number of frames that the source has dropped so far."""
        came = result.frame is not None
        self.intervals += came and self.at is not None
        self.frames += came
        self.faces += sum(result.decision.counts.values())
        self.new_faces += sum(event.kind is EventKind.NEW for event in result.events)
        self.decisions[result.decision.state] += result.decision.state is not self._state
        self.at, self.dropped, self._state = now, dropped, result.decision.state

    def totals(self) -> Totals:
        """The counts as they stand now."""
        return Totals(self.at or 0.0, self.frames, self.intervals, self.new_faces, self.dropped)
