"""The command `gpio-test`."""

import logging
import sys
from dataclasses import replace

import pytest

from edge.commands.gpio_test import all_off, run_gpio_test
from edge.commands.main import main
from edge.types import State
from tests.edge.sinks.gpio.builders import ALL, levels

pytest.importorskip("gpiozero")


@pytest.fixture
def command():
    """`main`, with the log as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield main
    root.handlers[:] = handlers
    root.setLevel(level)


def test_gpio_test_lights_every_pin_alone_then_shows_each_decision(factory):
    lines, seen = [], []
    run_gpio_test(
        ALL,
        0.01,
        lambda seconds: seen.append((seconds, levels(factory, *(number for _, number in ALL.pins())))),
        lines.append,
    )
    singles, decisions = seen[:9], seen[9:]
    assert [sum(on) for _, on in singles] == [1] * 9
    assert [on.index(1) for _, on in singles] == list(range(9))
    assert lines[1] == "GPIO 17 (header pin 11) high: the red lamp lights"
    assert len(decisions) == len(State)
    assert (
        "pass: relay closed for 5 s at most; led steady; green steady; rgb green steady; buzzer 1 beep"
        in lines
    )
    assert lines[-1] == "all off"
    assert not any(levels(factory, *(number for _, number in ALL.pins())))


def test_off_is_quick_and_quiet_and_fine_where_nothing_is_configured(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    assert command(["gpio-test", "--off"]) == 0
    assert capsys.readouterr() == ("", "")


def test_off_drives_every_pin_to_its_off_level(factory):
    all_off(replace(ALL, active_low="relay"))
    for name, number in ALL.pins():
        assert [bool(state.state) for state in factory.pin(number).states][-1] == (name == "relay")


def test_the_command_runs_on_mock_pins(command, capsys, monkeypatch):
    monkeypatch.setenv("MASK_EDGE_GPIO_FACTORY", "mock")
    assert command(["gpio-test", "--seconds", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "GPIO 27 (header pin 13) high: the amber lamp lights" in out
    assert "deny: red blinking fast" in out
