"""Lamps, a buzzer and a relay on the Pi's pins, through gpiozero."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from edge.host.logs import NEVER_HELD_BACK
from edge.host.safety import guard
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.gpio.lamps import GpioOutput, build_outputs
from edge.sinks.gpio.pins import explained, open_factory
from edge.types import FrameResult, State

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
"""Seconds between two looks whether the last result is too old: the relay opens that much late, at most."""


class GpioSink:
    """Shows each new state on every configured output. All are off before the first one, and after `close`.

    If no result comes for `stale_after_s` seconds (the loop hangs), it shows `uncertain` by itself, which
    opens the relay: a door must not stay open because a program stands still. Outputs act before anything is
    said, and the lock is never held while something is said: nobody may be reading the log. clock: monotonic
    seconds. Raises MissingLibraryError or SinkError with the cure.
    """

    name = "gpio"
    lost = 0

    def __init__(self, config: GpioConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock = config, clock
        mock = config.factory == "mock" or os.environ.get("GPIOZERO_PIN_FACTORY") == "mock"
        self._say = log.info if mock else log.debug
        self._lock = threading.Lock()
        self._state: State | None = None
        self._fed_at = clock()
        self._stale = False
        self._closed = threading.Event()
        self._outputs = open_outputs(config)
        self._release = guard(self._switch_off)
        self._watch = threading.Thread(target=self._watch_loop, name="gpio watch", daemon=True)
        self._watch.start()

    def handle(self, result: FrameResult) -> None:
        state = result.decision.state
        with self._lock:
            self._fed_at, again, self._stale = self._clock(), self._stale, False
            shown = self._show(state)
        if again:
            log.info("gpio: decisions come again")
        self._tell(state, shown)

    def fail_safe_if_stale(self) -> None:
        """Show `uncertain` if the last result is too old; the sink's own thread calls this."""
        with self._lock:
            if self._stale or self._clock() - self._fed_at <= self._config.stale_after_s:
                return
            self._stale = True
            shown = self._show(State.UNCERTAIN)
        log.warning("gpio: no decision for %g s: showing uncertain, relay open", self._config.stale_after_s)
        self._tell(State.UNCERTAIN, shown)

    def close(self) -> None:
        self._closed.set()
        self._switch_off()
        self._release()
        self._watch.join(timeout=5.0)

    def _switch_off(self) -> None:
        """Takes no lock: it must work whatever the other threads are doing."""
        self._closed.set()
        close_outputs(self._outputs)

    def _show(self, state: State) -> bool:
        """Whether the outputs have changed."""
        if state is self._state or self._closed.is_set():
            return False
        with explained():
            for output in self._outputs:
                output.show(state)
        self._state = state
        return True

    def _tell(self, state: State, shown: bool) -> None:
        if shown:
            lamps = "; ".join(output.describe(state) for output in self._outputs)
            self._say("gpio: %s: %s", state, lamps, extra=NEVER_HELD_BACK)

    def _watch_loop(self) -> None:
        while not self._closed.wait(LOOK_EVERY_S):
            try:
                self.fail_safe_if_stale()
            except Exception as error:
                log.error("%s", error)


def open_outputs(config: GpioConfig) -> list[GpioOutput]:
    """Every configured output, switched off.

    Raises MissingLibraryError or SinkError; then no pin is left open.
    """
    factory = open_factory(config.factory)
    opened: list[Any] = []

    def keep(device: Any) -> Any:
        opened.append(device)
        return device

    try:
        with explained():
            return build_outputs(config, factory, keep)
    except BaseException:
        for device in opened:
            device.close()
        raise


def close_outputs(outputs: list[GpioOutput]) -> None:
    """Switch everything off, the relay first. If one output fails, the others are still switched off."""
    for output in outputs:
        try:
            output.close()
        except Exception as error:
            log.error("gpio: %s cannot be switched off: %s", type(output).__name__, error)
