"""When the screen is drawn, goes dark and lights up again."""

import logging

import numpy as np
import pytest

from edge.sinks.screen import layout
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.sink import ScreenSink
from edge.types import State
from tests.edge.sinks.screen.builders import EVERY_MESSAGE

pytest.importorskip("luma.oled")
pytest.importorskip("luma.lcd")
pytest.importorskip("PIL")


class Counting:
    """Stands where a display is, and counts."""

    size, mode = (128, 64), "1"

    def __init__(self):
        self.calls = []

    def draw(self, image):
        self.calls.append("draw")

    def show(self):
        self.calls.append("show")

    def hide(self):
        self.calls.append("hide")

    def close(self):
        self.calls.append("close")


@pytest.fixture
def counting(monkeypatch):
    display = Counting()
    monkeypatch.setattr("edge.sinks.screen.sink.open_display", lambda config: display)
    return display


def test_it_is_drawn_once_per_change(counting, now):
    sink = ScreenSink(ScreenConfig(device="ssd1306"), lambda: now[0])
    for index in range(30):
        now[0] = index / 100
        sink.handle(EVERY_MESSAGE["pass"] if index < 20 else EVERY_MESSAGE["bare"])
    assert counting.calls == ["draw", "draw"]


def test_it_goes_dark_when_nobody_comes_and_lights_up_again(counting, now):
    sink = ScreenSink(ScreenConfig(device="ssd1306", blank_after_s=2.5), lambda: now[0])
    for index in range(8):
        now[0] = index / 2
        sink.handle(EVERY_MESSAGE["idle"])
    sink.handle(EVERY_MESSAGE["pass"])
    sink.close()
    assert counting.calls == ["draw", "show", "show", "hide", "show", "draw", "close"]


def test_the_dummy_shows_the_picture_and_the_log_says_it(caplog):
    caplog.set_level(logging.INFO)
    sink = ScreenSink(ScreenConfig(device="dummy", width=240, height=240, rotate=1))
    sink.handle(EVERY_MESSAGE["bare"])
    assert [record.getMessage() for record in caplog.records] == [
        "screen: PUT ON YOUR MASK (deny: 1 no mask)"
    ]
    assert np.asarray(sink._display.image)[2, 2].tolist() == list(layout.WORDS_AND_GROUND[State.DENY][1])
    sink.close()


def test_an_spi_display_is_set_up_again_at_a_slow_beat(counting, now):
    """It may have lost its power, and has no way to say so; an I2C one is asked."""
    for device, beats in (("st7735", 2), ("ssd1306", 0)):
        counting.calls.clear()
        sink = ScreenSink(ScreenConfig(device=device, blank_after_s=0), lambda: now[0])
        for second in range(130):
            now[0] = float(second)
            sink.handle(EVERY_MESSAGE["pass"])
        now[0] = 0.0
        assert counting.calls.count("close") == beats
        assert counting.calls.count("draw") == 1 + beats
