"""`python -m tests.pi.watched_door FD run ...`: `mask-edge run` that tells another process what it does.

FD: a socket that keeps messages apart. Over it goes each result before the outputs get it, and each change of
a pin, with the moment on the monotonic clock, which all processes share. Over it come orders: that the loop
hangs for some seconds, that the wall clock jumps. The pins are gpiozero's mock pins; all else is the program.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
import sys
import time
from typing import Any


class Line:
    """The socket to whoever watches. What does not fit is lost, as in a real measurement: nothing waits."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def tell(self, **what: Any) -> None:
        try:
            self._socket.send(json.dumps(what | {"at": time.monotonic()}).encode())
        except OSError:
            pass

    def orders(self) -> list[dict[str, Any]]:
        orders = []
        while True:
            try:
                orders.append(json.loads(self._socket.recv(4096)))
            except OSError:
                return orders


class Probe:
    """The first sink: tells each result, and obeys."""

    name, lost = "probe", 0

    def __init__(self, line: Line) -> None:
        self._line = line

    def handle(self, result: Any) -> None:
        self._line.tell(state=result.decision.state, cause=result.decision.cause)
        for order in self._line.orders():
            self._obey(**order)

    def _obey(self, hang_s: float = 0.0, jump_s: float | None = None) -> None:
        if jump_s is not None:
            jump(jump_s)
        Hang.seconds = hang_s

    def close(self) -> None:
        """Nothing is held open."""


class Hang:
    """Makes a stage stand still, as a driver or an accelerator may."""

    seconds = 0.0
    """For the next frame."""

    def __init__(self, detect: Any) -> None:
        self._detect = detect

    def __call__(self, detector: Any, *given: Any) -> Any:
        seconds, Hang.seconds = Hang.seconds, 0.0
        time.sleep(seconds)
        return self._detect(detector, *given)


REAL_DATETIME, REAL_TIME = datetime.datetime, time.time


def jump(seconds: float) -> None:
    """The wall clock as this program sees it: that many seconds off."""

    class Jumped(REAL_DATETIME):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return REAL_DATETIME.now(tz) + datetime.timedelta(seconds=seconds)

    time.time = lambda: REAL_TIME() + seconds
    for name, module in list(sys.modules.items()):
        if name.startswith("edge.") and hasattr(module, "datetime"):
            module.datetime = Jumped  # type: ignore[attr-defined]


def watch_pins(line: Line) -> None:
    """Tell each change of a mock pin."""
    from gpiozero.pins.mock import MockPin

    change = MockPin._change_state

    def told(pin: Any, value: bool) -> bool:
        changed = bool(change(pin, value))
        if changed:
            line.tell(pin=pin.info.name, level=bool(value))
            pin.states = pin.states[-2:]  # gpiozero keeps them all, for ever
        return changed

    MockPin._change_state = told


def main() -> int:
    line = Line(int(sys.argv[1]))
    os.environ["GPIOZERO_PIN_FACTORY"] = "mock"
    watch_pins(line)
    from edge import door
    from edge.commands import main as command
    from edge.pipeline import Pipeline

    hang = Hang(Pipeline._detect)
    Pipeline._detect = lambda *given: hang(*given)
    build = door.build_sinks
    door.build_sinks = lambda *given: [Probe(line), *build(*given)]
    sys.argv = ["mask-edge", *sys.argv[2:]]
    return command.main(sys.argv[1:]) or 0


if __name__ == "__main__":
    sys.exit(main())
