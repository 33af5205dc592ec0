"""The log says each time what happens at the door, also when it says the same again: nothing is left out."""

import io
import logging

import pytest

from edge.counts import Counts
from edge.host.logs import LogHandler
from edge.sinks.gpio import sink as gpio
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.log import LogConfig, LogSink
from edge.sinks.screen import sink as screen
from edge.sinks.screen.config import ScreenConfig
from edge.types import Event, EventKind, Label, State
from tests.edge.sinks.builders import make_result

ENDED = Event(EventKind.ENDED, 7, Label.WITHOUT_MASK, None, 0.0)
MAKERS = {
    "log": lambda: LogSink(LogConfig(), Counts()),
    "gpio": lambda: gpio.GpioSink(GpioConfig(red=17, green=22, factory="mock")),
    "screen": lambda: screen.ScreenSink(ScreenConfig(device="dummy")),
}


@pytest.fixture
def lines():
    """What stands in the log at the end."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = LogHandler(stream, lambda: 0.0), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: stream.getvalue().splitlines()
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("log", ["DENY: ", "PASS: ", "face 7 has gone"]),
        ("gpio", ["gpio: deny: ", "gpio: pass: "]),
        ("screen", ["screen: FIX YOUR MASK", "screen: PASS"]),
    ],
)
def test_a_decision_that_comes_again_is_written_again(lines, name, parts):
    sink = MAKERS[name]()
    for _ in range(3):
        sink.handle(make_result(State.DENY, events=[ENDED]))
        sink.handle(make_result(State.PASS))
    sink.close()
    for part in parts:
        assert sum(line.startswith(part) for line in lines()) == 3, lines()
