"""A live source read by its own thread: the newest frame wins, and a lost source is opened again."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence

from edge.errors import SourceError, one_line
from edge.sources.base import ContextMixin, Source
from edge.types import Frame

log = logging.getLogger(__name__)

BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits between attempts to open a lost source; the last one repeats."""


class LiveFeed(ContextMixin):
    """Wraps a live source that is opened by `open_source`, in a thread. A slot holds one frame: a newer one replaces it and is counted in `dropped`.

    The first opening happens at once, in the caller's thread, so that a wrong address is an error and not a retry. wait: as a service wants it,
    a source that is not there yet is tried again like one that was lost, and goes by `name` until it is open.
    problem: what is wrong at the moment, or None. lost: how often the source was lost.
    """

    live = True

    def __init__(self, open_source: Callable[[], Source], back_off: Sequence[float] = BACK_OFF_S, wait: bool = False, name: str = "camera") -> None:
        self._open, self._back_off = open_source, back_off
        self.name = name
        self.dropped = 0
        self.lost = 0
        self.problem: str | None = None
        self._source = self._open_first(wait)
        self._slot: Frame | None = None
        self._finished = False
        self._condition = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._capture, name=f"capture {self.name}", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return self._finished and self._slot is None

    def read(self, timeout: float) -> Frame | None:
        """The newest frame, at most once; None after `timeout` seconds without a new one."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while self._slot is None and not self._finished:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    break
            frame, self._slot = self._slot, None
            return frame

    def close(self) -> None:
        self._stop.set()
        # A driver may hang inside read(); the thread is a daemon, so that it cannot keep the process.
        self._thread.join(timeout=2.0)
        if not self._thread.is_alive() and self._source is not None:
            self._source.close()
            self._source = None
        self._slot = None

    def _open_first(self, wait: bool) -> Source | None:
        try:
            source = self._open()
        except SourceError as error:
            if not wait:
                raise
            self._note_loss(str(error))
            return None
        self.name = source.name
        return source

    def _capture(self) -> None:
        if self._source is None:
            self._reopen()
        while not self._stop.is_set():
            try:
                self._read_until_lost()
                break
            except Exception as error:  # a driver's binding raises what it likes, and a thread that ends so would never open it again
                self._note_loss(one_line(error))
                self._reopen()
        with self._condition:
            self._finished = True
            self._condition.notify_all()

    def _read_until_lost(self) -> None:
        while not self._stop.is_set():
            assert self._source is not None
            frame = self._source.read(timeout=1.0)
            if frame is not None:
                self._put(frame)
            elif self._source.finished:
                return

    def _put(self, frame: Frame) -> None:
        with self._condition:
            self.dropped += self._slot is not None
            self._slot, self.problem = frame, None
            self._condition.notify_all()

    def _note_loss(self, message: str) -> None:
        self.lost += 1
        self.problem = message
        log.error("%s; trying again", message, exc_info=log.isEnabledFor(logging.DEBUG))

    def _reopen(self) -> None:
        """Open the source again, waiting longer after each failure; returns when it is open or the feed is closed."""
        attempt = 0
        while not self._stop.is_set():
            if self._source is not None:
                with contextlib.suppress(Exception):  # it is broken already
                    self._source.close()
                self._source = None
            if self._stop.wait(self._back_off[min(attempt, len(self._back_off) - 1)]):
                return
            attempt += 1
            try:
                self._source = self._open()
                self.name = self._source.name
                log.info("%s: opened again after %d attempts", self.name, attempt)
                return
            except Exception as error:
                self.problem = one_line(error)
                log.debug("attempt %d: %s", attempt, error)
