"""What every sink is, and the worker that keeps a slow one from holding up the loop."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Protocol

from edge.errors import MaskEdgeError, SinkError, one_line
from edge.types import FrameResult

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes the result of every frame, in order."""

    name: str

    def handle(self, result: FrameResult) -> None:
        """Show or store it. What cannot be shown is counted and said, not raised."""

    def close(self) -> None:
        """Leave a safe state behind and give everything back; may be called twice."""


class BackgroundSink:
    """Runs a slow sink in a thread of its own. The queue is bounded: the oldest result is dropped and counted in `dropped`.

    A MaskEdgeError of the sink is logged, and it goes on; after any other error `handle` raises SinkError.
    """

    def __init__(self, sink: Sink, size: int = 4) -> None:
        self.name = sink.name
        self.dropped = 0
        self._sink = sink
        self._queue: queue.Queue[FrameResult | None] = queue.Queue(size)
        self._thread = threading.Thread(target=self._work, name=f"sink {sink.name}", daemon=True)
        self._closed = False
        self._failure: Exception | None = None
        self._thread.start()

    def handle(self, result: FrameResult) -> None:
        if self._failure is not None:
            raise SinkError(one_line(self._failure)) from self._failure
        self._put(result)

    def close(self) -> None:
        """Let the worker finish what is queued, at most 5 s."""
        if self._closed:
            return
        self._closed = True
        self._put(None)
        self._thread.join(timeout=5.0)
        self._sink.close()

    def _put(self, item: FrameResult | None) -> None:
        while True:
            try:
                self._queue.put_nowait(item)
                return
            except queue.Full:
                try:
                    self._queue.get_nowait()
                    self.dropped += 1
                except queue.Empty:
                    continue

    def _work(self) -> None:
        while (result := self._queue.get()) is not None:
            try:
                self._sink.handle(result)
            except MaskEdgeError as error:
                log.error("%s: %s", self.name, error)
            except Exception as error:
                self._failure = error
                return
