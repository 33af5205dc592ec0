"""`python -m edge gpio-test`: light every lamp in turn, to check the wiring by eye; or switch all off."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.commands.options import Commands, configure, with_sinks
from edge.host.header import HEADER
from edge.sinks.gpio import kind
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.gpio.lamps import GpioOutput
from edge.sinks.gpio.pins import explained, open_factory
from edge.sinks.gpio.sink import close_outputs, open_outputs
from edge.types import State

WHAT_TO_SEE = {
    ("led", ""): "the lamp lights",
    ("red", ""): "the red lamp lights",
    ("amber", ""): "the amber lamp lights",
    ("green", ""): "the green lamp lights",
    ("rgb", "red"): "the RGB LED is red",
    ("rgb", "green"): "the RGB LED is green",
    ("rgb", "blue"): "the RGB LED is blue",
    ("buzzer", ""): "the buzzer sounds",
    ("relay", ""): "the relay clicks, and what it switches moves",
}
"""(output, colour of an RGB LED's pin) -> what a person sees or hears."""


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Switch on each configured lamp, buzzer and relay in turn, and say what you should see."
    command = commands.add("gpio-test", handle, text)
    command.add_argument(
        "--off", action="store_true", help="switch everything off instead, for example after a crash"
    )
    command.add_argument(
        "--seconds", type=float, default=1.5, help="seconds for each lamp (default: %(default)s)"
    )


def handle(arguments: argparse.Namespace) -> int:
    """Switch each output on in turn, or switch all off."""
    config = configure(arguments, {})
    if arguments.off:
        all_off(config.of(kind.KIND))
        return 0
    wired = with_sinks(config, [kind.KIND.name]).of(kind.KIND)
    run_gpio_test(wired, arguments.seconds, time.sleep, lambda line: print(line, flush=True))
    return 0


def all_off(config: GpioConfig) -> None:
    """Switch off every configured output. Raises MissingLibraryError or SinkError."""
    if config.configured:
        close_outputs(open_outputs(config))


def run_gpio_test(
    config: GpioConfig, seconds: float, wait: Callable[[float], object], say: Callable[[str], object] = print
) -> None:
    """Each pin on for `seconds`, then each state of the door for twice that time; all off at the end.

    wait: called with seconds. say: called with each line. Raises MissingLibraryError or SinkError.
    """
    low = config.low_outputs()
    for name, colour, pin in _steps(config):
        level = "low" if name in low else "high"
        with _on(config, pin, level):
            say(f"GPIO {pin} (header pin {HEADER[pin]}) {level}: {WHAT_TO_SEE[name, colour]}")
            wait(seconds if name != "relay" else min(seconds, config.relay_max_on_s))
    with _outputs(config) as outputs:
        for state in State:
            say(f"{state}: " + "; ".join(output.describe(state) for output in outputs))
            for output in outputs:
                output.show(state)
            wait(2 * seconds)
    say("all off")


def _steps(config: GpioConfig) -> Iterator[tuple[str, str, int]]:
    """(output, colour of an RGB LED's pin or empty, GPIO number) of every configured pin."""
    colours = iter(("red", "green", "blue"))
    for output, pin in config.pins():
        yield output, next(colours) if output == "rgb" else "", pin


@contextmanager
def _outputs(config: GpioConfig) -> Iterator[list[GpioOutput]]:
    outputs = open_outputs(config)
    try:
        yield outputs
    finally:
        close_outputs(outputs)


@contextmanager
def _on(config: GpioConfig, pin: int, level: str) -> Iterator[None]:
    factory = open_factory(config.factory)
    with explained():
        from gpiozero import DigitalOutputDevice

        device = DigitalOutputDevice(
            pin, active_high=level == "high", initial_value=True, pin_factory=factory
        )
    try:
        yield
    finally:
        device.off()
        device.close()
