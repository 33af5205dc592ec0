"""Real luma drivers on buses that are not there."""

import logging
import sys
import types

import pytest

from edge.errors import SinkError
from edge.sinks.retry import RetryingSink
from edge.sinks.screen import displays
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.sink import ScreenSink
from tests.edge.sinks.screen.builders import EVERY_MESSAGE

pytest.importorskip("luma.oled")
pytest.importorskip("luma.lcd")
pytest.importorskip("PIL")

pytestmark = pytest.mark.filterwarnings(
    "ignore:Image.Image.getdata is deprecated:DeprecationWarning"
)  # luma.oled 3.16 calls it


@pytest.mark.parametrize("device", ["ssd1306", "ssd1309", "sh1106"])
def test_an_oled_gets_its_pixels(bus, device):
    sink = ScreenSink(ScreenConfig(device=device))
    before = bus.written
    sink.handle(EVERY_MESSAGE["pass"])
    assert bus.written - before > 128 * 64 / 8
    sink.close()
    sink.close()
    sink.handle(EVERY_MESSAGE["bare"])
    assert bus.opened == 0


def test_a_display_that_is_unplugged_and_comes_back_is_set_up_again(bus, now, caplog):
    caplog.set_level(logging.INFO)
    sink = RetryingSink(
        "screen", lambda: ScreenSink(ScreenConfig(device="ssd1306"), lambda: now[0]), lambda: now[0]
    )
    for tenth in range(400):
        now[0] = tenth / 10
        bus.present = not 50 <= tenth < 200
        sink.handle(EVERY_MESSAGE["idle"])
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert messages[0].startswith(
        "screen: the display is gone (I2C device not found on address: 0x3C); check its wires; "
        "the rest goes on"
    )
    assert messages[1].startswith("screen: nothing answers at address 0x3C of ")
    assert "`i2cdetect -y 1` lists the addresses that answer" in messages[1]
    assert messages[2] == "screen: works again"
    assert bus.opened == 1
    sink.close()
    assert bus.opened == 0


def test_failed_tries_leave_nothing_behind(bus, monkeypatch):
    """luma keeps each display until the program ends: a thousand tries must not make a thousand displays."""
    import atexit

    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    bus.present = False
    for _ in range(3):
        with pytest.raises(SinkError):
            ScreenSink(ScreenConfig(device="ssd1306"))
    assert not registered
    assert bus.opened == 0


class FakeSpiDev:
    """A bus that takes all."""

    written = 0

    def open(self, port, device):
        assert (port, device) == (0, 0)

    def writebytes(self, data):
        FakeSpiDev.written += len(data)

    def close(self):
        pass


@pytest.mark.parametrize(("device", "pixels"), [("st7735", 160 * 128), ("st7789", 240 * 240)])
def test_an_lcd_gets_its_pixels_and_its_pins_through_gpiozero(monkeypatch, tmp_path, device, pixels):
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "spidev0.0").write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=FakeSpiDev))
    monkeypatch.setitem(sys.modules, "RPi", None)
    sink = ScreenSink(ScreenConfig(device=device, backlight=18, v_offset=2))
    before = FakeSpiDev.written
    sink.handle(EVERY_MESSAGE["pass"])
    assert FakeSpiDev.written - before >= 3 * pixels
    assert mock.pin(18).state, "the backlight is off"
    assert mock.pin(25).state, "reset is held"
    assert {bool(state.state) for state in mock.pin(24).states} == {False, True}
    shown = FakeSpiDev.written
    sink.close()
    assert FakeSpiDev.written - shown >= 3 * pixels, "the last words stay on the panel"
    assert not [bool(state.state) for state in mock.pin(18).states][-1], "the backlight stays on"
