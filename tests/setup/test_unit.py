"""The systemd unit and the udev rules against what the program needs."""

import re
import shutil
import subprocess

import pytest

from edge.commands import gpio_test, run
from edge.commands.main import build_parser
from edge.errors import ConfigError, UsageError
from tests.builders import ROOT

UNIT = ROOT / "systemd/mask-edge.service"
RULES = ROOT / "systemd/60-mask-edge-coral.rules"


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """Every value of every key of the unit, in order; the sections do not share keys."""
    values: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    return values


def test_it_is_supervised_by_its_own_reports(unit):
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert 10 <= int(unit["WatchdogSec"][0]) <= 60
    assert "PYTHONFAULTHANDLER=1" in unit["Environment"]


def test_it_comes_back_after_a_crash_but_not_after_a_mistake_of_its_owner(unit):
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == [f"{UsageError.exit_code} {ConfigError.exit_code}"]
    tries, pause, interval = (
        int(unit["StartLimitBurst"][0]),
        int(unit["RestartSec"][0]),
        int(unit["StartLimitIntervalSec"][0]),
    )
    assert tries * pause < interval, "the limit would never be reached"
    # A hang costs the watchdog's time as well before it counts.
    assert tries * (pause + int(unit["WatchdogSec"][0]) + int(unit["TimeoutStopSec"][0])) < interval


def test_the_devices_of_the_door_are_reachable_and_no_others(unit):
    kinds = {"video4linux", "media", "dma_heap", "gpiochip", "i2c", "spi", "usb_device", "apex"}
    assert unit["DevicePolicy"] == ["closed"]
    assert set(unit["DeviceAllow"]) == {f"char-{kind} rw" for kind in kinds}
    assert "PrivateDevices" not in unit
    assert "MemoryDenyWriteExecute" not in unit
    assert "ProcSubset" not in unit
    assert set(unit["RestrictAddressFamilies"][0].split()) == {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}


def test_it_has_places_to_write_and_lgpio_uses_one(unit):
    assert unit["StateDirectory"] == unit["RuntimeDirectory"] == ["mask-edge"]
    assert unit["WorkingDirectory"] == ["/var/lib/mask-edge"]
    assert "LG_WD=/run/mask-edge" in unit["Environment"]


def test_no_variable_is_mistaken_for_configuration(unit):
    assert not [value for value in unit["Environment"] if value.startswith("MASK_EDGE_")]


def test_no_group_is_named_that_may_be_missing(unit):
    assert "SupplementaryGroups" not in unit
    assert "Group" not in unit
    assert unit["User"] == ["mask-edge"]


PROGRAM = "/opt/mask-edge/current/bin/mask-edge "


@pytest.mark.parametrize(("key", "handler"), [("ExecStart", run.handle), ("ExecStopPost", gpio_test.handle)])
def test_its_commands_are_valid_ones(unit, key, handler):
    (command,) = unit[key]
    arguments = build_parser().parse_args(command.partition(PROGRAM)[2].rstrip("'").split())
    assert arguments.handler is handler
    assert str(arguments.config) == "/etc/mask-edge/config.toml"


@pytest.mark.parametrize(
    ("result", "status", "runs"),
    [
        ("success", "0", False),
        ("exit-code", "78", False),
        ("exit-code", "1", True),
        ("watchdog", "ABRT", True),
    ],
)
def test_lamps_go_off_after_a_crash_too(unit, tmp_path, result, status, runs):
    (command,) = unit["ExecStopPost"]
    assert command.startswith("-/bin/sh -c '"), (
        "a lamp that cannot be reached must not count as a failure of the service"
    )
    script = (
        command.removeprefix("-/bin/sh -c '").removesuffix("'").replace("$$", "$").replace(PROGRAM, "echo ")
    )
    environment = {"SERVICE_RESULT": result, "EXIT_STATUS": status}
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, env=environment).stdout
    assert said == ("gpio-test --off --config /etc/mask-edge/config.toml\n" if runs else "")


def test_the_unit_and_the_setup_name_the_same_groups_as_the_rules():
    text = RULES.read_text()
    assert re.findall(r'idVendor}=="(\w+)", ATTR{idProduct}=="(\w+)"', text) == [
        ("1a6e", "089a"),
        ("18d1", "9302"),
    ]
    assert set(re.findall(r'GROUP="(\w+)"', text)) == {"plugdev"}
    assert "plugdev" in re.search(r"GROUPS_WANTED=\((.*)\)", (ROOT / "setup.sh").read_text())[1]


def analyse(*words: str) -> str:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here: this test was NOT run")
    result = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60)
    return result.stdout + result.stderr


def test_systemd_has_nothing_to_say_about_it(tmp_path):
    """Only what it starts has to be there: /bin/true stands in for that."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"/opt/mask-edge/current/bin/mask-edge", "/bin/true", UNIT.read_text()))
    assert analyse("verify", str(copy)) == ""


def test_the_exposure_stays_at_2_or_below():
    text = analyse("security", "--offline=true", "--no-pager", str(UNIT))
    assert float(re.search(r"exposure level for .*: (\d+\.\d)", text)[1]) <= 2.0
