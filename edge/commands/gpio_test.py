"""`python -m edge gpio-test`: every lamp in turn, so that wiring can be checked by eye; or everything off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge.config.indicators import HEADER, GpioConfig
from edge.sinks.gpio.lamps import Output
from edge.sinks.gpio.pins import explained, open_factory
from edge.sinks.gpio.sink import close_outputs, open_outputs
from edge.types import State

EXPECT = {
    "led": "the lamp lights",
    "red": "the red lamp lights",
    "amber": "the amber lamp lights",
    "green": "the green lamp lights",
    "rgb red": "the RGB LED is red",
    "rgb green": "the RGB LED is green",
    "rgb blue": "the RGB LED is blue",
    "buzzer": "the buzzer sounds",
    "relay": "the relay clicks, and what hangs on it moves",
}


def all_off(config: GpioConfig) -> None:
    """Switch off whatever is configured, as after a crash. Raises MissingLibraryError or SinkError."""
    if config.configured:
        close_outputs(open_outputs(config))


def run_gpio_test(
    config: GpioConfig, seconds: float, wait: Callable[[float], object], say: Callable[[str], object] = print
) -> None:
    """Each pin on for `seconds`, then each decision for twice as long; all off at the end. Raises MissingLibraryError or SinkError."""
    low = config.low_outputs()
    for name, pin in _steps(config):
        level = "low" if name.split()[0] in low else "high"
        with _on(config, pin, level):
            say(f"GPIO {pin} (header pin {HEADER[pin]}) {level}: {EXPECT[name]}")
            wait(seconds if name != "relay" else min(seconds, config.relay_max_on_s))
    with _outputs(config) as outputs:
        for state in State:
            say(f"{state}: " + "; ".join(output.describe(state) for output in outputs))
            for output in outputs:
                output.show(state)
            wait(2 * seconds)
    say("all off")


def _steps(config: GpioConfig) -> Iterator[tuple[str, int]]:
    colours = iter(("red", "green", "blue"))
    for name, pin in config.pins():
        yield (f"rgb {next(colours)}" if name == "rgb" else name), pin


@contextmanager
def _outputs(config: GpioConfig) -> Iterator[list[Output]]:
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
