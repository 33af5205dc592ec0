"""What every sink is, what its file brings, and the worker that keeps a slow one from holding up the loop."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from edge.counts import Counts
from edge.errors import MaskEdgeError, SinkError, one_line
from edge.host.findings import Finding
from edge.host.machine import Machine
from edge.types import FrameResult

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes the result of every frame, in order."""

    name: str

    def handle(self, result: FrameResult) -> None:
        """Show or store it. What cannot be shown is counted and said, not raised."""

    def close(self) -> None:
        """Leave a safe state behind and give everything back; may be called twice."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sink may need of the door that it belongs to."""

    door: str = "door"
    """The door's name."""
    live: bool = True
    """Frames come in real time; a file's frames do not wait for anybody."""
    counts: Counts = field(default_factory=Counts)
    quit: Callable[[], None] = lambda: None
    """Ends the program, as Ctrl-C does."""


Table = TypeVar("Table")


def _no_pins(table: object) -> Iterable[tuple[str, int]]:
    return ()


def _no_groups(table: object) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class SinkKind(Generic[Table]):
    """All that the program needs to know of a kind of sink. Each sink's file holds one, `edge.sinks.kinds` lists them."""

    name: str
    """Of its configuration table, of `--sink`, and in the log."""
    table: type[Table]
    """Its configuration, a dataclass of `edge.config.option.option` fields."""
    is_on: Callable[[Table], bool]
    """Whether the configuration switches it on."""
    build: Callable[[Table, Surroundings], Sink]
    """Opens it. Raises MaskEdgeError where it cannot be had."""
    switch_on: Callable[[Table], Table] | None = None
    """What `--sink NAME` makes of a table that is off; None for a sink that is always on."""
    must_open: bool = False
    """True: the program does not start without it; false: that is said, and the door works on without it."""
    pins: Callable[[Table], Iterable[tuple[str, int]]] = _no_pins
    """(configuration key or purpose, GPIO number) of all that it takes from the header."""
    groups: Callable[[Table], Mapping[str, str]] = _no_groups
    """The groups that its user must be in -> what for."""
    check: Callable[[Table, Machine], Finding] | None = None
    """What the doctor says of it. Raises MaskEdgeError."""


class BackgroundSink:
    """Runs a slow sink in a thread of its own. The queue is bounded: the oldest result is dropped and counted.

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
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
            self.dropped += 1
        except queue.Empty:
            pass

    def _work(self) -> None:
        while (result := self._queue.get()) is not None:
            try:
                self._sink.handle(result)
            except MaskEdgeError as error:
                log.error("%s: %s", self.name, error)
            except Exception as error:
                self._failure = error
                return
