"""What the screen says of a missing bus, library, permission, and of mistakes in its table."""

import os
import sys
import types

import pytest

from edge.config.reading import load_config
from edge.errors import ConfigError, MissingLibraryError, SinkError
from edge.sinks.screen import displays
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.sink import ScreenSink

pytest.importorskip("luma.oled")
pytest.importorskip("luma.lcd")
pytest.importorskip("PIL")


@pytest.mark.parametrize(
    ("config", "files", "words"),
    [
        (
            ScreenConfig(device="ssd1306"),
            [],
            "i2c-1; switch the bus on with `sudo raspi-config nonint do_i2c 0`, then reboot",
        ),
        (
            ScreenConfig(device="st7789"),
            [],
            "spidev0.0; switch the bus on with `sudo raspi-config nonint do_spi 0`, then reboot",
        ),
        (ScreenConfig(device="sh1106", bus="spi", spi_device=1), [], "spidev0.1; switch the bus on"),
        (
            ScreenConfig(device="ssd1306", i2c_port=3),
            ["i2c-3"],
            "i2c-3; `sudo usermod -aG i2c $USER`, then log in again",
        ),
        (
            ScreenConfig(device="st7735"),
            ["spidev0.0"],
            "spidev0.0; `sudo usermod -aG spi $USER`, then log in again",
        ),
    ],
)
def test_a_bus_that_is_missing_or_closed_names_the_cure(monkeypatch, tmp_path, config, files, words):
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(SinkError) as caught:
        ScreenSink(config)
    assert words in str(caught.value)
    assert str(caught.value).startswith("screen: no permission for" if files else "screen: no ")


def test_no_spidev_is_a_missing_library_not_a_missing_pin(monkeypatch, tmp_path):
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "spidev0.0").write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(MissingLibraryError, match="screen: spidev is not installed"):
        ScreenSink(ScreenConfig(device="st7789"))


@pytest.mark.parametrize("device", ["ssd1306", "st7789"])
def test_a_bus_that_cannot_be_opened_is_named(monkeypatch, tmp_path, device):
    """Files that are no buses stand where the buses would be."""
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    for name in ("i2c-91", "spidev91.0"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(displays, "open_factory", lambda kind: mock)
    spidev = types.SimpleNamespace(
        open=lambda port, chip: (_ for _ in ()).throw(FileNotFoundError(2, "No such file or directory"))
    )
    monkeypatch.setitem(sys.modules, "spidev", types.SimpleNamespace(SpiDev=lambda: spidev))
    with pytest.raises(
        SinkError, match=r"screen: .*(i2c-91|spidev91.0) cannot be opened \((I2C|SPI) device not found"
    ):
        ScreenSink(ScreenConfig(device=device, i2c_port=91, spi_port=91))


@pytest.mark.parametrize("library", ["luma.core", "luma.oled", "smbus2"])
def test_a_missing_library_names_its_package(monkeypatch, bus, library):
    for name in [name for name in sys.modules if name == library or name.startswith(library + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    if "." in library:
        monkeypatch.delattr(sys.modules["luma"], library.partition(".")[2], raising=False)
    with pytest.raises(
        MissingLibraryError, match=r"is not installed; `sudo apt install python3-luma.oled python3-luma.lcd`"
    ):
        ScreenSink(ScreenConfig(device="ssd1306"))


def test_a_size_that_the_driver_does_not_know_is_said(bus):
    with pytest.raises(
        ConfigError,
        match=r"ssd1306: Unsupported display mode: 100 x 50; check \[screen\] device, width and height",
    ):
        ScreenSink(ScreenConfig(device="ssd1306", width=100, height=50))
    assert bus.opened == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[screen]\ndevice = "ssd1305"\n', "'ssd1305' is not one of"),
        ("[screen]\nrotate = 90\n", "screen.rotate = 90 is not one of 0, 1, 2, 3"),
        (
            '[gpio]\nred = 24\n[screen]\ndevice = "st7789"\n',
            "gpio.red = 24 is taken by the screen (dc); give it another pin",
        ),
        ('[gpio]\nled = 3\n[screen]\ndevice = "sh1106"\n', "gpio.led = 3 is taken by the screen (i2c)"),
        (
            '[gpio]\nled = 8\n[screen]\ndevice = "ssd1306"\nbus = "spi"\n',
            "gpio.led = 8 is taken by the screen (spi)",
        ),
        ('[screen]\ndevice = "st7789"\ndc = 25\n', "screen.dc and screen.reset are both GPIO 25"),
        (
            '[screen]\ndevice = "st7789"\nbacklight = 40\n',
            "screen.backlight = 40 is not a GPIO of the header",
        ),
    ],
)
def test_mistakes_in_the_configuration(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)
