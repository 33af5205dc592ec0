"""The loop: frames go from a source through the pipeline to the sinks, until it ends or is stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from edge.config.tables import SourceConfig
from edge.counts import Counts
from edge.errors import StageError, one_line
from edge.host.sdnotify import Notifier, Supervision
from edge.pipeline import Pipeline
from edge.sinks.base import Sink
from edge.sources.base import Source
from edge.types import Cause, Frame, FrameResult, Problem

log = logging.getLogger(__name__)

POLL_S = 0.25
"""Seconds that one read may wait: a stop or a source without frames is noticed after that time at most."""

LATE_S = 5.0
"""Seconds in the stages after which a live frame shows the past."""

FAILURES_AT_MOST = 10
"""Live frames in a row on which a stage may fail; then the process ends, for systemd to start it again."""


class Loop:
    """Runs until the source is finished or `stop` is set.

    A sink that raises is logged and gets no more results; the other sinks go on. A live frame on which a
    stage fails is `uncertain`.

    stale_after_s: seconds without a frame after which the decision is `uncertain`.
    counts: where each result is counted before the sinks get it.
    clock: the monotonic clock that stamps live frames, seconds.
    supervision: called after every round by this thread alone, so that it notices a stage that hangs.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        stale_after_s: float = SourceConfig().stale_after_s,
        counts: Counts | None = None,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        supervision: Supervision | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self._latest: FrameResult | None = None
        self._supervision = supervision or Supervision(Notifier({}))
        self._source, self._pipeline, self._sinks = source, pipeline, list(sinks)
        self._stale_after_s, self._clock = stale_after_s, clock
        self._stop = stop or threading.Event()
        self._last_frame_at = clock()
        self._failures = 0
        self._lost = 0

    def run(self) -> int:
        """Returns how many results were lost that were to be stored.

        Raises SourceError where a file breaks off; a lost live source is waited for.

        Raises SourceError where a file cannot be read to its end; the loop waits for a live source that is
        lost. Raises StageError where the stages fail on FAILURES_AT_MOST live frames in a row. On a file it
        raises whatever a stage raises.
        """
        self._supervision.ready()
        try:
            while not self._stop.is_set() and not self._source.finished:
                self._step()
                self._supervision.step(self.counts.frames, self._latest)
        finally:
            self._supervision.stopping()
            close_all(self._sinks, self._source, self._pipeline)
        return self._lost + sum(sink.lost for sink in self._sinks)

    def _step(self) -> None:
        frame = self._source.read(POLL_S)
        if frame is not None:
            self._last_frame_at = self._clock()
            self._hand_out(self._process(frame), frame.captured_at)
        elif self._source.live and not self._source.finished:
            self._note_silence()

    def _process(self, frame: Frame) -> FrameResult:
        """One frame through the stages. A live frame on which one fails is `uncertain`, and logged.

        So is one that was held up for a time after which it says nothing of now: the process was stopped.
        """
        try:
            result = self._pipeline.process(frame)
        except Exception as error:
            if not self._source.live:
                raise
            return self._note_failure(error, frame)
        self._failures = 0
        late = self._clock() - self._last_frame_at
        if self._source.live and late > LATE_S:
            return self._pipeline.without_frame(Problem(Cause.NO_FRAME), frame.captured_at + late)
        return result

    def _note_failure(self, error: Exception, frame: Frame) -> FrameResult:
        self._failures += 1
        reason = one_line(error)
        if self._failures >= FAILURES_AT_MOST:
            raise StageError(
                f"no result for {self._failures} frames in a row, the last time because of {reason}",
                "`python -m edge doctor` tries the models",
            ) from error
        log.error("no result for a frame (%s)", reason, exc_info=log.isEnabledFor(logging.DEBUG))
        problem = Problem(Cause.NO_RESULT, f"no result for the picture ({reason})")
        return self._pipeline.without_frame(problem, frame.captured_at, frame)

    def _note_silence(self) -> None:
        """No frame came: `uncertain` at once if the source knows why, else after `stale_after_s`."""
        now = self._clock()
        problem = self._source.problem
        if problem is None and now - self._last_frame_at >= self._stale_after_s:
            problem = Problem(Cause.NO_FRAME)
        if problem is not None:
            self._hand_out(self._pipeline.without_frame(problem, now), now)

    def _hand_out(self, result: FrameResult, now: float) -> None:
        self.counts.add(result, now, self._source.dropped)
        self._latest = result
        for sink in list(self._sinks):
            try:
                sink.handle(result)
            except BrokenPipeError:
                raise  # nobody reads stdout any more: the program has no reader left
            except Exception as error:
                _say_failure("%s is switched off: %s", sink.name, error)
                self._lost += sink.lost + 1
                self._sinks.remove(sink)
                _close_surely(sink.name, sink.close)


def close_all(sinks: Iterable[Sink], source: Source, pipeline: Pipeline) -> None:
    """Close every part of a door, also where another part cannot be closed.

    The sinks come first: a camera's driver may take its time, and the lamps must be off at once.
    """
    for sink in sinks:
        _close_surely(sink.name, sink.close)
    _close_surely(source.name, source.close)
    _close_surely("pipeline", pipeline.close)


def _close_surely(name: str, close: Callable[[], None]) -> None:
    """Close one part. An error is logged, not raised: the next part must be closed too."""
    try:
        close()
    except Exception as error:
        _say_failure("%s cannot be closed: %s", name, error)


def _say_failure(text: str, name: str, error: Exception) -> None:
    log.error(text, name, one_line(error), exc_info=log.isEnabledFor(logging.DEBUG))
