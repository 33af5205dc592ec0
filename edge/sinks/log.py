"""The log sink: a line for each event and decision, and a summary at regular times.

It never writes a line for each frame: that wears SD cards out.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge.config.option import option
from edge.counts import Counts, Totals
from edge.host.logs import NEVER_HELD_BACK, REPEATS_S
from edge.host.watch import BoardWatch
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.types import Cause, Decision, Event, EventKind, FrameResult, Label, State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is written to stderr, or to the journal."""

    level: str = option(
        "info",
        "debug, info, warning or error: the lowest level that is written",
        choices=("debug", "info", "warning", "error"),
    )
    format: str = option("text", "text or json", choices=("text", "json"))
    summary_every_s: float = option(60.0, "seconds between two summary lines; 0: none", 0)


@dataclass(slots=True)
class _Window:
    """What the next summary tells of."""

    before: Totals
    """The counts when it began."""
    times_ms: list[float] = field(default_factory=list)
    """Milliseconds that each frame took."""


class LogSink:
    """Writes to `logging`.

    counts: the door's counts; they hold each result before this sink gets it.
    board: temperature and power, for the summary.
    clock: monotonic seconds; it stamps the results that have no frame.
    """

    name = "log"
    lost = 0

    def __init__(
        self,
        config: LogConfig,
        counts: Counts,
        board: BoardWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every, self._counts, self._board, self._clock = config.summary_every_s, counts, board, clock
        self._last: tuple[State, Cause, str] | None = None
        self._warned: dict[tuple[Cause, str], float] = {}
        self._degraded: str | None = None
        self._window: _Window | None = None

    def handle(self, result: FrameResult) -> None:
        self._degraded = result.degraded
        for event in result.events:
            log.info("%s", describe_event(event), extra=NEVER_HELD_BACK)
        decision, now = result.decision, self._now(result)
        said = decision.state, decision.cause, decision.detail
        if said != self._last:
            level, line = self._level(result, now), describe_decision(decision)
            log.log(level, "%s", line, extra=NEVER_HELD_BACK)
            self._last = said
        self._summarise_in_time(result, now)

    def close(self) -> None:
        window, self._window = self._window, None
        if self._every and window is not None and self._counts.totals().since(window.before).frames:
            self._summarise(window)

    def _now(self, result: FrameResult) -> float:
        return self._clock() if result.frame is None else result.frame.captured_at

    def _level(self, result: FrameResult, now: float) -> int:
        """A lost camera is a warning, but at most once in REPEATS_S for the same cause."""
        decision, key = result.decision, (result.decision.cause, result.decision.detail)
        lost = decision.state is State.UNCERTAIN and result.frame is None
        changed = self._last is None or decision.state is not self._last[0]
        if not lost or not changed or now - self._warned.get(key, -math.inf) < REPEATS_S:
            return logging.INFO
        self._warned[key] = now
        return logging.WARNING

    def _summarise_in_time(self, result: FrameResult, now: float) -> None:
        window = self._window
        if window is None:
            self._window = window = _Window(Totals(at=now))
        if result.timings_ms:
            window.times_ms.append(sum(result.timings_ms.values()))
        if self._board is not None:
            self._board.look(now)
        if self._every and now - window.before.at >= self._every:
            self._summarise(window)
            self._window = _Window(self._counts.totals())

    def _summarise(self, window: _Window) -> None:
        seen = self._counts.totals().since(window.before)
        parts = [f"{seen.frames} frames, {seen.fps:.1f} fps"]
        if window.times_ms:
            parts.append(f"p90 {float(np.percentile(window.times_ms, 90)):.0f} ms")
        parts += [
            f"{seen.new_faces} new {'face' if seen.new_faces == 1 else 'faces'}",
            f"{seen.dropped} dropped",
        ]
        if self._board is not None:
            parts += self._board.take()
        if self._degraded:
            parts.append(f"DEGRADED: {self._degraded}")
        log.info("summary: %s", ", ".join(parts), extra=NEVER_HELD_BACK)


def describe_event(event: Event) -> str:
    """One event as a line for a person."""
    if event.kind is EventKind.NEW:
        return f"face {event.track_id} appears: {event.after}"
    if event.kind is EventKind.ENDED:
        return f"face {event.track_id} has gone, last seen {event.before}"
    return f"face {event.track_id}: {event.before} -> {event.after}"


def describe_decision(decision: Decision) -> str:
    """One decision as a line for a person."""
    seen = ", ".join(f"{count} {label}" for label in Label if (count := decision.counts.get(label, 0)))
    return f"{decision.state.upper()}: {decision.reason}" + (f" ({seen})" if seen else "")


def _is_on(config: LogConfig) -> bool:
    return True


def _build(config: LogConfig, door: Surroundings) -> Sink:
    return LogSink(config, door.counts, BoardWatch())


KIND = SinkKind("log", LogConfig, _is_on, _build, must_open=True)
