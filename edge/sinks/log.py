"""The log sink: a line per event and decision, and a summary now and then. Never a line per frame: SD cards die of that."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge.host.logs import NEVER_HELD_BACK, REPEATS_S
from edge.host.watch import BoardWatch
from edge.types import Decision, Event, EventKind, FrameResult, Label, State

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Window:
    """What a summary is made of. intervals: frames that came after another one; a rate is intervals over seconds."""

    since: float
    latest: float
    frames: int = 0
    intervals: int = 0
    new_faces: int = 0
    times: list[float] = field(default_factory=list)


class LogSink:
    """Writes to `logging`. summary_every_s: 0 for none. drops: how many frames the source has dropped so far.

    board: also watched, and part of the summary. clock: the one that stamps live frames, for the time without any.
    """

    name = "log"

    def __init__(
        self,
        summary_every_s: float = 60.0,
        drops: Callable[[], int] = lambda: 0,
        board: BoardWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every, self._drops, self._board, self._clock = summary_every_s, drops, board, clock
        self._last: tuple[State, str] | None = None
        self._warned: dict[str, float] = {}
        self._dropped_before, self._degraded = 0, ""
        self._window: _Window | None = None

    def handle(self, result: FrameResult) -> None:
        self._degraded = result.degraded
        for event in result.events:
            log.info("%s", describe_event(event), extra=NEVER_HELD_BACK)
        now = self._clock() if result.frame is None else result.frame.captured_at
        if (result.decision.state, result.decision.reason) != self._last:
            level, line = self._level(result, now), describe_decision(result.decision)
            log.log(level, "%s", line, extra=NEVER_HELD_BACK)
            self._last = (result.decision.state, result.decision.reason)
        self._count(result, now)

    def close(self) -> None:
        if self._every and self._window is not None and self._window.frames:
            self._summarise(self._window)
        self._window = None

    def _level(self, result: FrameResult, now: float) -> int:
        """A lost camera is a warning, but not again each time that it comes and goes."""
        decision = result.decision
        lost = decision.state is State.UNCERTAIN and result.frame is None
        changed = self._last is None or decision.state is not self._last[0]
        if not lost or not changed or now - self._warned.get(decision.reason, -math.inf) < REPEATS_S:
            return logging.INFO
        self._warned[decision.reason] = now
        return logging.WARNING

    def _count(self, result: FrameResult, now: float) -> None:
        window = self._window
        if window is None:
            self._window = window = _Window(now, now)
        else:
            window.intervals += result.frame is not None
        window.latest = now
        window.frames += result.frame is not None
        window.new_faces += sum(event.kind is EventKind.NEW for event in result.events)
        if result.timings_ms:
            window.times.append(sum(result.timings_ms.values()))
        if self._board is not None:
            self._board.look(now)
        if self._every and now - window.since >= self._every:
            self._summarise(window)
            self._window = _Window(now, now)

    def _summarise(self, window: _Window) -> None:
        seconds, drops = window.latest - window.since, self._drops()
        parts = [f"{window.frames} frames, {window.intervals / seconds if seconds > 0 else 0:.1f} fps"]
        if window.times:
            parts.append(f"p90 {float(np.percentile(window.times, 90)):.0f} ms")
        parts += [f"{window.new_faces} new faces", f"{drops - self._dropped_before} dropped"]
        if self._board is not None:
            parts += self._board.take()
        if self._degraded:
            parts.append(f"DEGRADED: {self._degraded}")
        log.info("summary: %s", ", ".join(parts), extra=NEVER_HELD_BACK)
        self._dropped_before = drops


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
