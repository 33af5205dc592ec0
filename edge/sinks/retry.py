"""Opens a sink again that was lost: a display that was unplugged, a pin that another program had."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.errors import SinkError
from edge.host.backoff import BackOff
from edge.sinks.base import Sink
from edge.types import FrameResult

log = logging.getLogger(__name__)

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between tries; the last one repeats."""


class RetryingSink:
    """Opens a sink with `make`, and again after a SinkError: after 1 s, 2 s, 4 s, ... 30 s.

    Each new error is logged once. Any other error of `make`, such as a missing library, is raised: waiting
    does not help there. clock: monotonic seconds.
    """

    def __init__(
        self, name: str, make: Callable[[], Sink], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._make = make
        self._sink: Sink | None = None
        self._said = ""
        self._back_off = BackOff(WAITS_S, clock=clock)
        self._closed = False
        self._open()

    @property
    def lost(self) -> int:
        return 0 if self._sink is None else self._sink.lost

    def handle(self, result: FrameResult) -> None:
        if self._closed or (self._sink is None and not (self._back_off.due and self._open())):
            return
        try:
            assert self._sink is not None
            self._sink.handle(result)
        except SinkError as error:
            self._give_up(error)
            return
        self._back_off.works()
        if self._said:
            log.info("%s: works again", self.name)
            self._said = ""

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
        self._back_off.failed()
        if str(error) != self._said:
            log.error("%s; the rest goes on, and %s is tried again from time to time", error, self.name)
            self._said = str(error)

    def _drop(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()
