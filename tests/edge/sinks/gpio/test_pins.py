"""Real pins: which chip, which library, and what is said where something is missing."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from edge.errors import MissingLibraryError, SinkError
from edge.sinks.gpio import pins
from edge.sinks.gpio.sink import GpioSink
from edge.types import State
from tests.edge.sinks.builders import make_result
from tests.edge.sinks.gpio.builders import ALL

pytest.importorskip("gpiozero")


def test_a_machine_without_pins_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr(pins, "DEVICES", tmp_path)
    with pytest.raises(SinkError, match=r"no /dev/gpiochip.*factory = .mock."):
        pins.open_factory("auto")


@pytest.mark.parametrize("library", ["gpiozero", "gpiozero.pins.mock", "lgpio"])
def test_a_missing_library_names_its_package(monkeypatch, tmp_path, library):
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setattr(pins, "DEVICES", tmp_path)
    monkeypatch.setenv("LG_WD", str(tmp_path))
    (tmp_path / "gpiochip0").write_text("")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingLibraryError, match="sudo apt install python3-gpiozero python3-lgpio"):
        pins.open_factory("auto")


class FakeLgpio:
    """Chips by number, with their labels."""

    def __init__(self, labels):
        self.labels, self.open = labels, set()

    def gpiochip_open(self, number):
        self.open.add(number)
        return number

    def gpio_get_chip_info(self, handle):
        return 0, 32, f"gpiochip{handle}", self.labels[handle]

    def gpiochip_close(self, handle):
        self.open.remove(handle)


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        ({0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}, 0),
        ({0: "pinctrl-rp1", 10: "gpio-brcmstb@107d508500"}, 0),
        ({0: "gpio-brcmstb@107d508500", 4: "pinctrl-rp1"}, 4),
        ({0: "raspberrypi-exp-gpio", 1: "pinctrl-bcm2835"}, 1),
    ],
)
def test_the_chip_is_found_by_its_label(tmp_path, labels, number):
    for chip in labels:
        (tmp_path / f"gpiochip{chip}").write_text("")
    fake = FakeLgpio(labels)
    assert pins.header_chip(fake, sorted(tmp_path.iterdir())) == number
    assert not fake.open


def test_a_board_that_is_no_pi_is_named(tmp_path):
    (tmp_path / "gpiochip0").write_text("")
    with pytest.raises(
        SinkError, match=r"no chip here is the header of a Raspberry Pi \(gpiochip0 INT34C5:00\)"
    ):
        pins.header_chip(FakeLgpio({0: "INT34C5:00"}), [tmp_path / "gpiochip0"])


def test_no_permission_names_the_group(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(
        SinkError, match=r"no permission for .*gpiochip0; `sudo usermod -aG gpio \$USER`, then log in again"
    ):
        pins.header_chip(FakeLgpio({}), [tmp_path / "gpiochip0"])


@pytest.fixture
def chip(monkeypatch, tmp_path):
    """lgpio on a chip that notes what is done to it: (call, pin, level)."""
    lgpio = pytest.importorskip("lgpio")
    from gpiozero import Device
    from gpiozero.pins.lgpio import LGPIOFactory

    calls, levels = [], {}

    def write(name):
        def call(handle, number, level=0, *flags):
            levels[number] = level
            calls.append((name, number, level))
            return 0

        return call

    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setenv("LG_WD", str(tmp_path))
    monkeypatch.setattr(pins, "DEVICES", tmp_path)
    (tmp_path / "gpiochip0").write_text("")
    for name, function in {
        "gpiochip_open": lambda number: number,
        "gpiochip_close": lambda handle: 0,
        "gpio_get_chip_info": lambda handle: (0, 54, "gpiochip0", "pinctrl-bcm2711"),
        "gpio_claim_input": lambda *arguments: 0,
        "gpio_claim_output": write("claim"),
        "gpio_write": write("write"),
        "gpio_read": lambda handle, number: levels[number],
        "gpio_get_mode": lambda handle, number: 2,
    }.items():
        monkeypatch.setattr(lgpio, name, function)
    monkeypatch.setattr(LGPIOFactory, "_get_revision", lambda self: 0xB03115)
    monkeypatch.setattr(Device, "pin_factory", None)
    yield calls
    Device.pin_factory.close()


@pytest.mark.parametrize(("low", "off"), [("", 0), ("all", 1)])
def test_no_pin_flashes_on_when_it_is_opened(chip, low, off):
    """gpiozero alone claims every output at low, which closes an active-low relay for a moment."""
    sink = GpioSink(replace(ALL, factory="auto", active_low=low))
    assert {number for _, number, _ in chip} == {number for _, number in ALL.pins()}
    assert {level for _, _, level in chip} == {off}
    sink.handle(make_result(State.PASS))
    assert ("write", 26, 1 - off) in chip
    sink.close()
    assert [level for _, number, level in chip if number == 26][-1] == off


def test_lgpio_leaves_no_pipe_in_the_working_directory(tmp_path):
    """lgpio makes one at import, and with LG_WD it even changes the directory. Neither happens here."""
    pytest.importorskip("lgpio")
    work, chips, temporary = tmp_path / "work", tmp_path / "chips", tmp_path / "tmp"
    for folder in (work, chips, temporary):
        folder.mkdir()
    (chips / "gpiochip0").write_text("")
    code = (
        "import os, pathlib, sys\n"
        "from edge.sinks.gpio import pins\n"
        f"pins.DEVICES = pathlib.Path({str(chips)!r})\n"
        "try: pins.open_factory('auto')\n"
        "except Exception as error: print(type(error).__name__, os.listdir(), os.getcwd())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("LG_WD", "GPIOZERO_PIN_FACTORY")} | {
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "TMPDIR": str(temporary),
    }
    for more in ({}, {"LG_WD": str(tmp_path)}):
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=work,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.stdout.strip() == f"SinkError [] {work}", result
    assert not list(temporary.iterdir())
    assert (tmp_path / ".lgd-nfy0").exists()
