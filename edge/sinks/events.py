"""The log sink: a line per event and decision, and a summary now and then. Never a line per frame: SD cards die of that."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

import numpy as np

from edge.types import Decision, Event, EventKind, FrameResult, Label, State

log = logging.getLogger(__name__)


class LogSink:
    """Writes to `logging`. summary_every_s: 0 for none. drops: how many frames the source has dropped so far."""

    name = "log"

    def __init__(self, summary_every_s: float = 60.0, drops: Callable[[], int] = lambda: 0) -> None:
        self._every, self._drops = summary_every_s, drops
        self._last: tuple[State, str] | None = None
        self._since: float | None = None
        self._latest = 0.0
        self._dropped_before = 0
        self._degraded = ""
        self._reset()

    def handle(self, result: FrameResult) -> None:
        self._degraded = result.degraded
        for event in result.events:
            log.info("%s", describe_event(event))
        decision = result.decision
        if (decision.state, decision.reason) != self._last:
            changed = self._last is None or decision.state is not self._last[0]
            level = logging.WARNING if decision.state is State.UNCERTAIN and result.frame is None else logging.INFO
            log.log(level if changed else logging.INFO, "%s", describe_decision(decision))
            self._last = (decision.state, decision.reason)
        self._count(result)

    def close(self) -> None:
        if self._every and self._frames:
            self._summarise()
        self._reset()

    def _count(self, result: FrameResult) -> None:
        if result.frame is not None:
            now = result.frame.captured_at
            self._since = now if self._since is None else self._since
            self._latest = now
            self._frames += 1
            self._times.append(sum(result.timings_ms.values()))
            self._faces += len(result.detections)
            if self._every and now - self._since >= self._every:
                self._summarise()
                self._reset()
                self._since = now

    def _summarise(self) -> None:
        seconds = self._latest - (self._since or 0.0)
        rate = (self._frames - 1) / seconds if seconds > 0 else 0.0
        total = self._drops()
        slow = float(np.percentile(self._times, 90))
        log.info(
            "summary: %d frames, %.1f fps, p90 %.0f ms, %d faces, %d dropped%s",
            self._frames,
            rate,
            slow,
            self._faces,
            total - self._dropped_before,
            f"; DEGRADED: {self._degraded}" if self._degraded else "",
        )
        self._dropped_before = total

    def _reset(self) -> None:
        self._frames, self._faces, self._since = 0, 0, None
        self._times: list[float] = []


def describe_event(event: Event) -> str:
    """One event as a line for a person."""
    if event.kind is EventKind.NEW:
        return f"face {event.track_id} appears: {event.after}"
    if event.kind is EventKind.ENDED:
        return f"face {event.track_id} has gone, last seen {event.before}"
    return f"face {event.track_id}: {event.before} -> {event.after}"


def describe_decision(decision: Decision) -> str:
    """One decision as a line for a person."""
    counts = Counter(decision.counts)
    seen = ", ".join(f"{counts[label]} {label}" for label in Label if counts[label])
    return f"{decision.state.upper()}: {decision.reason}" + (f" ({seen})" if seen else "")
