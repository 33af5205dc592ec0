"""The loop: frames from a source through the pipeline to the sinks, until it ends or is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from edge.errors import MaskEdgeError
from edge.pipeline import Pipeline
from edge.sdnotify import Notifier, Supervision
from edge.sinks.base import Sink
from edge.sources.base import Source
from edge.types import Decision, FrameResult

log = logging.getLogger(__name__)

POLL_S = 0.25
"""How long one read may wait: how soon a stop or a stale source is noticed."""


class Loop:
    """Runs until the source is finished or `stop` is set. clock: the monotonic one that stamps live frames.

    A sink that raises is left out from then on, and said; the others go on. frames: how many were processed.
    supervision: told after every round, from this thread alone: a stage that hangs falls silent, a lost camera does not.
    """

    def __init__(
        self,
        source: Source,
        pipeline: Pipeline,
        sinks: Sequence[Sink],
        stale_after_s: float = 2.0,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        supervision: Supervision | None = None,
    ) -> None:
        self.frames = 0
        self._decision: Decision | None = None
        self._supervision = supervision or Supervision(Notifier({}))
        self._source, self._pipeline, self._sinks = source, pipeline, list(sinks)
        self._stale_after_s, self._clock = stale_after_s, clock
        self._stop = stop or threading.Event()
        self._last_frame_at = clock()

    def run(self) -> None:
        """Raises SourceError where a file breaks off; a lost live source is waited for."""
        self._supervision.ready()
        try:
            while not self._stop.is_set() and not self._source.finished:
                self._step()
                self._supervision.step(self.frames, self._decision)
        finally:
            self._supervision.stopping()
            self._close()

    def _step(self) -> None:
        frame = self._source.read(POLL_S)
        if frame is not None:
            self._last_frame_at = self._clock()
            self.frames += 1
            self._hand_out(self._pipeline.process(frame))
        elif self._source.live and not self._source.finished:
            self._note_silence()

    def _note_silence(self) -> None:
        """No frame in time: uncertain at once if the source says why, else after `stale_after_s`."""
        now = self._clock()
        reason = getattr(self._source, "problem", None)
        if reason or now - self._last_frame_at >= self._stale_after_s:
            self._hand_out(self._pipeline.without_picture(reason or "no picture from the camera", now))

    def _hand_out(self, result: FrameResult) -> None:
        self._decision = result.decision
        for sink in list(self._sinks):
            try:
                sink.handle(result)
            except MaskEdgeError as error:
                log.error("%s is switched off: %s", sink.name, error)
                self._sinks.remove(sink)
                sink.close()

    def _close(self) -> None:
        self._source.close()
        self._pipeline.close()
        for sink in self._sinks:
            sink.close()


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C set `stop`, so that the loop ends after its frame; a second Ctrl-C ends the process at once."""

    def handle(number: int, _: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        log.info("stopping (%s)", signal.Signals(number).name)
        stop.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
