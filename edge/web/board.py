"""What is known of the door now: the loop writes it, the server's thread reads it."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

from edge.counts import Counts
from edge.types import Cause, Decision, FrameResult, State

CHANGES_KEPT = 500
TIMES_KEPT = 300
"""Frames over which the 90th percentile of their time is taken."""

RATE_S = 5.0
"""Seconds over which frames a second are counted."""

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper limits of the histogram of each stage, seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One result, and when it came."""

    number: int
    """Counts the results from 1."""
    result: FrameResult
    at: float
    """Seconds on the monotonic clock when it was put on the board."""
    since: datetime
    """When the decision's state began, by the machine's clock."""


@dataclass(frozen=True, slots=True)
class Change:
    """A new decision."""

    number: int
    """Counts the changes from 1."""
    at: datetime
    decision: Decision


@dataclass(slots=True)
class Histogram:
    """How long a stage took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    """Number of times in each bucket; the last one has no upper limit."""
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> list[int]:
        """For each bucket, the number of times up to its limit, as Prometheus has it."""
        return list(accumulate(self.counts))


class Board:
    """Holds the newest result, the newest changes and some figures. Every method may be called by any thread.

    counts: the door's. clock: monotonic seconds. now: the machine's clock.
    """

    def __init__(
        self,
        door: str,
        counts: Counts,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.door, self.counts = door, counts
        self.began = clock()
        self._clock, self._now = clock, now
        self._lock = threading.Lock()
        self._seen: Seen | None = None
        self._said: tuple[State, Cause, str] | None = None
        self._changes: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self._changed = 0
        self._frames_at: deque[float] = deque(maxlen=1000)
        self._times_ms: deque[float] = deque(maxlen=TIMES_KEPT)
        self._stages: dict[str, Histogram] = {}
        self._last_frame: datetime | None = None

    def add(self, result: FrameResult) -> bool:
        """Put a result on the board. Returns whether the decision is another one than before."""
        at, now, decision = self._clock(), self._now(), result.decision
        said = decision.state, decision.cause, decision.detail
        with self._lock:
            begins = self._seen is None or self._seen.result.decision.state is not decision.state
            since = now if begins or self._seen is None else self._seen.since
            self._seen = Seen(self._seen.number + 1 if self._seen else 1, result, at, since)
            if result.frame is not None:
                self._last_frame = now
                self._frames_at.append(at)
            self._add_times(result.timings_ms)
            if said == self._said:
                return False
            self._said, self._changed = said, self._changed + 1
            self._changes.append(Change(self._changed, now, decision))
            return True

    @property
    def seen(self) -> Seen | None:
        """The newest result; None before the first."""
        return self._seen

    @property
    def age_s(self) -> float:
        """Seconds since the newest result, or since the beginning where there is none."""
        return self._clock() - (self._seen.at if self._seen else self.began)

    @property
    def last_frame(self) -> datetime | None:
        """When the newest frame came."""
        return self._last_frame

    @property
    def last_change(self) -> int:
        """The number of the newest change; 0 before the first."""
        return self._changed

    def changes(self, since: int = 0) -> list[Change]:
        """The changes with a higher number, oldest first; at most CHANGES_KEPT."""
        with self._lock:
            return [change for change in self._changes if change.number > since]

    def fps(self) -> float:
        """Frames a second over the last RATE_S seconds."""
        now = self._clock()
        with self._lock:
            recent = sum(now - at <= RATE_S for at in self._frames_at)
        return recent / min(RATE_S, max(now - self.began, 1.0))

    def p90_ms(self) -> float | None:
        """Milliseconds within which nine of ten frames were decided; None before the first."""
        with self._lock:
            times = sorted(self._times_ms)
        return times[int(0.9 * (len(times) - 1))] if times else None

    def stages(self) -> Mapping[str, Histogram]:
        """Stage -> how long it took, a copy."""
        with self._lock:
            return {name: Histogram(list(one.counts), one.sum_s) for name, one in self._stages.items()}

    def _add_times(self, timings_ms: Mapping[str, float]) -> None:
        if timings_ms:
            self._times_ms.append(sum(timings_ms.values()))
        for stage, milliseconds in timings_ms.items():
            self._stages.setdefault(stage, Histogram()).add(milliseconds / 1e3)
