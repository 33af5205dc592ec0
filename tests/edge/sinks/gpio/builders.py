"""All outputs at once on mock pins, and how to read the pins."""

import time

from edge.sinks.gpio.config import GpioConfig

ALL = GpioConfig(led=4, red=17, amber=27, green=22, rgb="5,6,13", buzzer=16, relay=26, factory="mock")


def levels(factory, *numbers):
    return [int(factory.pin(number).state) for number in numbers]


def rises(factory, number):
    """When the pin went high."""
    return [state.timestamp for state in factory.pin(number).states if state.state]


def until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)
