"""Lamps and buzzer on gpiozero's mock pins: what each pin does at each decision."""

import time
from dataclasses import replace

import pytest

from edge.sinks.gpio.config import GpioConfig
from edge.sinks.gpio.lamps import BLINK_S
from edge.types import State
from tests.edge.sinks.builders import make_result
from tests.edge.sinks.gpio.builders import ALL, levels, rises, until

pytest.importorskip("gpiozero")


@pytest.mark.parametrize(
    ("state", "lit"),
    [(State.PASS, [0, 0, 1]), (State.DENY, [1, 0, 0]), (State.UNCERTAIN, [0, 1, 0]), (State.IDLE, [0, 0, 0])],
)
def test_the_set_has_one_colour_per_decision(make, factory, state, lit):
    steady = replace(ALL, deny_lamp="steady", uncertain_lamp="steady")
    sink = make(steady)
    for other in State:
        sink.handle(make_result(other))
    sink.handle(make_result(state))
    assert levels(factory, 17, 27, 22) == lit
    assert levels(factory, 4) == [int(state is not State.IDLE)]
    rgb = {State.PASS: [0, 1, 0], State.DENY: [1, 0, 0], State.UNCERTAIN: [1, 1, 0], State.IDLE: [0, 0, 0]}
    assert levels(factory, 5, 6, 13) == rgb[state]


def test_decisions_differ_by_pattern_too_not_by_colour_alone():
    config = GpioConfig()
    patterns = {config.pass_lamp, config.deny_lamp, config.uncertain_lamp, config.idle_lamp}
    assert len(patterns) == 4
    assert all(1 / (on_s + off_s) < 3 for on_s, off_s in BLINK_S.values()), (
        "three flashes a second can set off a seizure"
    )


def test_a_blinking_lamp_goes_on_by_itself_and_stops_at_the_next_decision(make, factory, monkeypatch):
    monkeypatch.setitem(BLINK_S, "fast", (0.01, 0.01))
    sink = make()
    sink.handle(make_result(State.DENY))
    until(lambda: len(rises(factory, 4)) >= 3)
    assert len(rises(factory, 17)) >= 2
    sink.handle(make_result(State.PASS))
    count = len(factory.pin(4).states)
    time.sleep(0.05)
    assert len(factory.pin(4).states) == count
    assert levels(factory, 4, 17, 22) == [1, 0, 1]


def test_the_same_decision_does_not_begin_the_pattern_again(make, factory):
    sink = make(replace(ALL, buzzer=0, relay=0, deny_lamp="steady"))
    for index in range(20):
        sink.handle(make_result(State.DENY, index))
    assert len(rises(factory, 17)) == 1


def test_the_buzzer_beeps_once_for_pass_and_three_times_for_deny(make, factory, monkeypatch):
    monkeypatch.setattr("edge.sinks.gpio.lamps.BEEP_S", 0.01)
    sink = make()
    sink.handle(make_result(State.DENY))
    until(lambda: len(rises(factory, 16)) == 3)
    time.sleep(0.05)
    assert len(rises(factory, 16)) == 3
    sink.handle(make_result(State.PASS))
    until(lambda: len(rises(factory, 16)) == 4 and levels(factory, 16) == [0])
    sink.handle(make_result(State.UNCERTAIN))
    time.sleep(0.05)
    assert len(rises(factory, 16)) == 4


def test_without_amber_the_red_lamp_shows_uncertain(make, factory):
    make(GpioConfig(red=17, green=22, uncertain_lamp="steady", factory="mock")).handle(
        make_result(State.UNCERTAIN)
    )
    assert levels(factory, 17, 22) == [1, 0]


def test_active_low_outputs_are_on_while_their_pin_is_low(make, factory):
    sink = make(replace(ALL, active_low="relay, rgb"))
    assert levels(factory, 26, 5, 6, 13, 4, 17) == [1, 1, 1, 1, 0, 0]
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26, 5, 6, 13, 4) == [0, 1, 0, 1, 1]
    sink.close()
    assert GpioConfig(active_low="all").low_outputs() == {
        "led",
        "red",
        "amber",
        "green",
        "rgb",
        "buzzer",
        "relay",
    }
