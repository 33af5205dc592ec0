"""What every sink is, what its file brings, and the thread of its own for a slow one."""

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

    @property
    def lost(self) -> int:
        """Results that were to be stored and could not; they are also said."""

    def handle(self, result: FrameResult) -> None:
        """Show or store the result. What cannot be shown or stored is counted and logged, not raised."""

    def close(self) -> None:
        """Leave a safe state and give everything back; may be called twice."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sink may need to know of its door."""

    door: str = "door"
    """The door's name."""
    live: bool = True
    """Whether frames come in real time; else each frame waits until every sink has handled the one before."""
    counts: Counts = field(default_factory=Counts)
    """Hold each result before the sink gets it."""
    quit: Callable[[], None] = lambda: None
    """Ends the program, as Ctrl-C does."""


Table = TypeVar("Table")


def _no_pins(table: object) -> Iterable[tuple[str, int]]:
    return ()


def _no_groups(table: object) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class SinkKind(Generic[Table]):
    """All that the program needs to know of a kind of sink.

    Each sink's file holds one; `edge.sinks.kinds` lists them.
    """

    name: str
    """The name of its configuration table and for `--sink`."""
    table: type[Table]
    """Its configuration table, a dataclass of `edge.config.option.option` fields."""
    is_on: Callable[[Table], bool]
    """Whether the configuration switches it on."""
    build: Callable[[Table, Surroundings], Sink]
    """Opens it. Raises MaskEdgeError where that is not possible."""
    switch_on: Callable[[Table], Table] | None = None
    """Returns the table with the sink switched on, for `--sink NAME`; None for a sink that is always on."""
    must_open: bool = False
    """True: the door does not open without it. False: the error is logged, and the door works without it."""
    pins: Callable[[Table], Iterable[tuple[str, int]]] = _no_pins
    """(configuration key or purpose, GPIO number) of every pin that it takes from the header."""
    groups: Callable[[Table], Mapping[str, str]] = _no_groups
    """Group that the program's user must be in -> purpose, as in `for the lamps`."""
    blurs: Callable[[Table], bool] = lambda table: False
    """Whether it needs to know of everything that only faintly looks like a face (`FrameResult.faint`)."""
    check: Callable[[Table, Machine], Finding] | None = None
    """The doctor's check of it; None: there is none. Raises MaskEdgeError."""


class BackgroundSink:
    """Runs a slow sink in a thread of its own, so that it does not hold up the loop.

    The queue has `size` places; when it is full, the oldest result is dropped and counted in `dropped`. After
    a MaskEdgeError of the sink, which is logged, it goes on; after any other error `handle` raises SinkError.
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

    @property
    def lost(self) -> int:
        return self._sink.lost

    def handle(self, result: FrameResult) -> None:
        if self._failure is not None:
            raise SinkError(one_line(self._failure)) from self._failure
        self._put(result)

    def close(self) -> None:
        """Wait until the thread has handled what is queued, at most 5 s."""
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
