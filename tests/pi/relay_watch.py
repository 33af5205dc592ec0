"""Watches a door's relay from outside: is it ever closed when it must not be?

It must be open `stale_after_s` after the last result that was `pass`, and at once after another result;
ALLOWED_S later at the latest. Time in which the whole process stands still (SIGSTOP) does not count: nothing
in it can act then. Neither does what this machine's own scheduler was late.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

ALLOWED_S = 0.5
TICK_S = 0.05


@dataclass
class RelayWatch:
    """Reads what tests/pi/watched_door.py tells. Times are seconds of the monotonic clock."""

    line: socket.socket
    pin: str
    stale_after_s: float
    state: str = "nothing yet"
    """Of the latest result."""
    results: int = 0
    closings: int = 0
    closed: bool = False
    latest_s: float = 0.0
    """The longest time that the relay was closed after the last `pass`."""
    slowest_s: float = 0.0
    """The longest time from another result to the relay's opening."""
    result_at: float = 0.0
    _pass_at: float = 0.0
    _denied_at: float | None = None
    _late_s: float = 0.0
    """How late this machine ran a thread that slept, at worst, lately."""
    _stopped_at: float | None = None
    _stood_s: float = 0.0
    """How long the process stood still since the last `pass`."""
    _faults: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Begin to watch, by two threads."""
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._tick)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End both threads; the door must have ended before."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self.line.close()

    def order(self, **what: Any) -> None:
        """Tell the door to do something (`hang_s`, `jump_s`) with its next result."""
        self.line.send(json.dumps(what).encode())

    def stopped(self) -> None:
        """The process stands still from now on."""
        with self._lock:
            self._stopped_at = time.monotonic()

    def goes_on(self) -> None:
        with self._lock:
            if self._stopped_at is not None:
                self._stood_s += time.monotonic() - self._stopped_at
            self._stopped_at = None

    def take_faults(self) -> list[str]:
        """What was seen since the last call that must not be."""
        with self._lock:
            faults, self._faults = self._faults, []
        return faults

    def _listen(self) -> None:
        while data := self.line.recv(65536):
            with self._lock:
                self._note(**json.loads(data))

    def _note(self, at: float, state: str = "", cause: str = "", pin: str = "", level: bool = False) -> None:
        if state:
            self._note_result(at, state)
        elif pin == self.pin:
            self._note_relay(at, level)

    def _note_result(self, at: float, state: str) -> None:
        self.state, self.results, self.result_at = state, self.results + 1, at
        if state == "pass":
            self._pass_at, self._denied_at, self._stood_s = at, None, 0.0
        elif self._denied_at is None:
            self._denied_at = at

    def _note_relay(self, at: float, level: bool) -> None:
        if level:
            self.closings += 1
            if self.state != "pass":
                self._faults.append(f"the relay closes while the door says {self.state}")
        elif self.closed:
            self._look(at)
            after = at - self._pass_at - self._stood_s
            if self._denied_at is None:
                self.latest_s = max(self.latest_s, after)
            else:
                self.slowest_s = max(self.slowest_s, at - self._denied_at)
        self.closed = level

    def _look(self, now: float) -> None:
        """Whether a closed relay should be open by now."""
        allowed = ALLOWED_S + self._late_s
        if now - self._pass_at - self._stood_s > self.stale_after_s + allowed:
            self._say(f"the relay is closed {now - self._pass_at:.1f} s after the last pass")
        if self._denied_at is not None and now - self._denied_at - self._stood_s > allowed:
            self._say(f"the relay is closed {now - self._denied_at:.1f} s after the door said {self.state}")

    def _say(self, fault: str) -> None:
        if len(self._faults) < 5:
            self._faults.append(fault)

    def _tick(self) -> None:
        """Look at a relay that stays closed; and see how late threads run here."""
        while not self._ended.is_set():
            before = time.monotonic()
            time.sleep(TICK_S)
            late = time.monotonic() - before - TICK_S
            with self._lock:
                self._late_s = max(late, self._late_s * 0.99)
                if self.closed and self._stopped_at is None:
                    self._look(time.monotonic() - TICK_S)
