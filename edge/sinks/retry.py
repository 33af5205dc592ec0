"""A sink that comes back: a display that was unplugged, a pin that another program had."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.errors import SinkError
from edge.sinks.base import Sink
from edge.types import FrameResult

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


class RetryingSink:
    """Opens a sink with `make`, and again after a SinkError: after 1 s, 2 s, 4 s, ... 30 s.

    Each new error is said once. Any other error of `make` (a missing library) is raised: waiting does not cure it. clock: monotonic seconds.
    """

    def __init__(
        self, name: str, make: Callable[[], Sink], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._make, self._clock = make, clock
        self._sink: Sink | None = None
        self._said = ""
        self._wait_s, self._next_at = FIRST_WAIT_S, 0.0
        self._closed = False
        self._open()

    def handle(self, result: FrameResult) -> None:
        if self._closed or (self._sink is None and (self._clock() < self._next_at or not self._open())):
            return
        try:
            assert self._sink is not None
            self._sink.handle(result)
        except SinkError as error:
            self._give_up(error)
            return
        if self._said:
            log.info("%s: works again", self.name)
            self._said, self._wait_s = "", FIRST_WAIT_S

    def close(self) -> None:
        self._closed = True
        self._drop()

    def _open(self) -> bool:
        try:
            self._sink = self._make()
        except SinkError as error:
            self._give_up(error)
        return self._sink is not None

    def _give_up(self, error: SinkError) -> None:
        self._drop()
        self._next_at = self._clock() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        if str(error) != self._said:
            log.error("%s; the rest goes on, %s is tried again every now and then", error, self.name)
            self._said = str(error)

    def _drop(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
