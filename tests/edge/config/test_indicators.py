"""Several indicators at once: which are built, with which wiring; one that fails does not stop others."""

import logging

import cv2
import pytest

from edge.commands.main import main
from edge.commands.options import with_sinks
from edge.config.reading import Config
from edge.door import build_sinks
from edge.errors import ConfigError
from edge.sinks.base import Surroundings
from edge.sinks.gpio import kind as gpio
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.screen import kind as screen
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.window import kind as window
from edge.sinks.window.config import WindowConfig

pytest.importorskip("gpiozero")
pytest.importorskip("luma.core")
MOCKED = (
    Config()
    .having(gpio.KIND, GpioConfig(red=17, factory="mock"))
    .having(screen.KIND, ScreenConfig(device="dummy"))
    .having(window.KIND, WindowConfig(show=True))
)


@pytest.fixture
def headless(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:  NONE\n")


def build(config):
    sinks = build_sinks(config, Surroundings())
    for sink in sinks:
        sink.close()
    return [sink.name for sink in sinks if sink.name != "log"]


def test_nothing_is_built_unless_configured():
    assert build(Config()) == []


def test_one_that_cannot_be_had_is_told_and_the_others_go_on(headless, caplog):
    caplog.set_level(logging.WARNING)
    assert build(MOCKED) == ["gpio", "screen"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert caplog.records[0].getMessage().endswith("; the rest goes on without it")


def test_even_an_unforeseen_error_leaves_the_others(monkeypatch, caplog):
    def fail(config, stop):
        raise RuntimeError("what nobody thought of")

    monkeypatch.setattr("edge.sinks.window.sink.WindowSink", fail)
    assert build(MOCKED) == ["gpio", "screen"]
    assert "what nobody thought of; the rest goes on without it" in caplog.text


def test_one_that_may_come_later_is_kept(monkeypatch, tmp_path, caplog):
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr("edge.sinks.gpio.pins.DEVICES", tmp_path)
    monkeypatch.setattr("edge.sinks.screen.displays.DEVICES", tmp_path)
    config = (
        Config().having(gpio.KIND, GpioConfig(red=17)).having(screen.KIND, ScreenConfig(device="ssd1306"))
    )
    caplog.set_level(logging.WARNING)
    assert build(config) == ["gpio", "screen"]
    assert len(caplog.records) == 2
    assert all("is tried again" in record.getMessage() for record in caplog.records)


def test_a_flag_takes_what_is_configured_or_the_default_wiring(caplog):
    caplog.set_level(logging.INFO)
    config = with_sinks(Config(), ["gpio", "screen", "window"])
    assert dict(config.of(gpio.KIND).pins()) == {"red": 17, "amber": 27, "green": 22}
    assert (config.of(screen.KIND).device, config.of(screen.KIND).size) == ("ssd1306", (128, 64))
    assert config.of(window.KIND).show
    assert "red GPIO 17, amber GPIO 27, green GPIO 22" in caplog.text
    assert with_sinks(MOCKED, ["gpio", "screen"]) == MOCKED
    assert with_sinks(Config(), []) == Config()


def test_a_default_wiring_that_is_taken_is_a_configuration_error():
    taken = Config().having(screen.KIND, ScreenConfig(device="st7789", backlight=22))
    with pytest.raises(ConfigError, match=r"--sink: gpio.green = 22 is taken by the screen \(backlight\)"):
        with_sinks(taken, ["gpio"])


def test_the_demo_says_what_the_lamps_would_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MASK_EDGE_GPIO_FACTORY", "mock")
    monkeypatch.setenv("MASK_EDGE_SCREEN_DEVICE", "dummy")
    monkeypatch.setenv("MASK_EDGE_DETECTOR_MODEL", "cascade")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        assert (
            main(["demo", "--seconds", "0.5", "--out", str(tmp_path), "--sink", "gpio", "--sink", "screen"])
            == 0
        )
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    said = capsys.readouterr().err
    assert "gpio: idle: red, amber, green off" in said
    assert "screen: READY (idle: nobody in view)" in said
