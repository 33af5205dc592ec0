"""Lamps, buzzer and relay on gpiozero's mock pins: what each pin does at each decision, and that nothing stays on."""

import logging
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from edge.commands.gpio_test import all_off, run_gpio_test
from edge.commands.main import main
from edge.config.indicators import HEADER, GpioConfig
from edge.config.reading import load_config
from edge.errors import ConfigError, MissingLibraryError, SinkError
from edge.sinks.gpio import pins
from edge.sinks.gpio import sink as gpio_module
from edge.sinks.gpio.lamps import BLINK_S
from edge.sinks.gpio.sink import GpioSink
from edge.types import State

from .test_sinks import make_result

gpiozero = pytest.importorskip("gpiozero")
ALL = GpioConfig(led=4, red=17, amber=27, green=22, rgb="5,6,13", buzzer=16, relay=26, factory="mock")


@pytest.fixture
def factory(monkeypatch):
    """One mock factory that the sink uses and the test looks at."""
    from gpiozero.pins.mock import MockFactory

    mock = MockFactory()
    monkeypatch.setattr(gpio_module, "open_factory", lambda kind: mock)
    monkeypatch.setattr("edge.commands.gpio_test.open_factory", lambda kind: mock)
    yield mock
    mock.reset()


@pytest.fixture
def make(factory):
    sinks = []

    def build(config=ALL, **options):
        sinks.append(GpioSink(config, **options))
        return sinks[-1]

    yield build
    for sink in sinks:
        sink.close()


@pytest.fixture
def command():
    """`main`, with the log as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield main
    root.handlers[:] = handlers
    root.setLevel(level)


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


# --- what shows what


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


# --- the relay


def test_the_relay_opens_by_itself_and_closes_again_only_after_a_change(make, factory):
    sink = make(replace(ALL, relay_max_on_s=0.1))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]
    until(lambda: levels(factory, 26) == [0])
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [0]
    sink.handle(make_result(State.UNCERTAIN))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]


@pytest.mark.parametrize("state", [State.DENY, State.UNCERTAIN, State.IDLE])
def test_the_relay_opens_at_once_when_the_decision_changes(make, factory, state):
    sink = make()
    sink.handle(make_result(State.PASS))
    sink.handle(make_result(state))
    assert levels(factory, 26) == [0]


def test_a_relay_may_sound_an_alarm_instead(make, factory):
    sink = make(replace(ALL, relay_on="deny"))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [0]
    sink.handle(make_result(State.DENY))
    assert levels(factory, 26) == [1]


def test_a_loop_that_hangs_opens_the_relay_and_shows_uncertain(make, factory, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=3.0, uncertain_lamp="steady"), clock=lambda: now[0])
    sink.handle(make_result(State.PASS))
    now[0] = 2.9
    sink.check()
    assert levels(factory, 26, 22) == [1, 1]
    now[0] = 3.1
    sink.check()
    sink.check()
    assert levels(factory, 26, 22, 27) == [0, 0, 1]
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26, 22) == [1, 1]
    messages = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING or "again" in record.getMessage()
    ]
    assert messages == [
        "gpio: no decision for 3 s: showing uncertain, relay open",
        "gpio: decisions come again",
    ]


def test_a_slow_loop_is_not_a_hanging_one(make, factory, caplog):
    caplog.set_level(logging.WARNING)
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=3.0), clock=lambda: now[0])
    for second in range(0, 20, 2):
        now[0] = float(second)
        sink.check()
        sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]
    assert not caplog.records


def test_the_watch_runs_by_itself(make, factory):
    sink = make(replace(ALL, stale_after_s=0.5))
    sink.handle(make_result(State.PASS))
    until(lambda: levels(factory, 26) == [0], 3)


# --- the end


@pytest.mark.parametrize("low", ["", "all"])
def test_close_switches_everything_off(make, factory, low):
    sink = make(replace(ALL, active_low=low))
    sink.handle(make_result(State.PASS))
    sink.close()
    off = int(bool(low))
    for _, number in ALL.pins():
        assert [int(state.state) for state in factory.pin(number).states][-1] == off
    sink.close()
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26, 22) == [off, off]


def test_an_output_that_fails_leaves_no_pin_open(factory, monkeypatch):
    def refuse(*args, **options):
        raise RuntimeError("'GPIO busy'")

    with monkeypatch.context() as context:
        context.setattr(gpiozero, "Buzzer", refuse)
        with pytest.raises(SinkError, match="another program has the pin: `sudo systemctl stop mask-edge`"):
            GpioSink(ALL)
    device = gpiozero.LED(26, pin_factory=factory)  # would raise GPIOPinInUse
    device.close()


# --- the configuration


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("red = 17\nled = 17\n", "gpio.led and gpio.red are both GPIO 17; give each a pin of its own"),
        ('led = 5\nrgb = "17, 27, 5"\n', "gpio.led and gpio.rgb are both GPIO 5"),
        ("led = 28\n", "gpio.led = 28 is not a GPIO of the header"),
        ("led = 1\n", "gpio.led = 1 is not a GPIO of the header"),
        ('rgb = "17, 27"\n', 'gpio.rgb = "17, 27" is not three GPIO numbers, as in "5,6,13"'),
        ('active_low = "relais"\n', "gpio.active_low names 'relais', which is not one of all, led"),
        ('relay_on = "idle"\n', "'idle' is not one of pass, deny"),
        ("relay_max_on_s = 0\n", "relay_max_on_s = 0.0 is below 0.1"),
        ("active_low = true\n", "gpio.active_low = True is a bool, a str is needed"),
    ],
)
def test_mistakes_are_one_line_with_the_file(tmp_path, text, words):
    path = tmp_path / "config.toml"
    path.write_text("[gpio]\n" + text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_the_header_has_each_gpio_once():
    assert sorted(HEADER) == list(range(2, 28))
    assert len(set(HEADER.values())) == 26


# --- what a machine without pins says


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
    """lgpio makes one at import, and with LG_WD it even changes the working directory; here that stays clean and ours."""
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


# --- the command


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
