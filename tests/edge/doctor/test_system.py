"""What the doctor says of the machine: system, board, disk, memory, temperature, power."""

import subprocess

import pytest

from edge.config.reading import Config
from edge.doctor import system
from edge.doctor.check import Context
from edge.host.findings import Status, ok
from edge.host.machine import Machine
from tests.boardtree import hwmon, make_pi
from tests.edge.doctor.builders import context


def test_a_healthy_pi(tmp_path):
    machine = context(make_pi(tmp_path))
    assert system.check_os(machine) == ok("Debian GNU/Linux 12 (bookworm), aarch64")
    assert system.check_board(machine) == ok("Raspberry Pi 4 Model B Rev 1.4")
    assert system.check_memory(machine) == ok("3100 of 3793 MB available")
    assert system.check_temperature(machine) == ok("48 C")
    assert system.check_power(machine) == ok("no under-voltage, not throttled")


def test_a_32_bit_system_fails(tmp_path):
    result = system.check_os(Context(Config(), machine=Machine(make_pi(tmp_path), "armv7l")))
    assert result.status is Status.FAIL
    assert "64-bit" in result.next


def test_an_old_release_on_a_pi_is_a_warning_and_on_a_pc_is_none(tmp_path):
    make_pi(tmp_path, release=(11, "bullseye"))
    assert system.check_os(context(tmp_path)).status is Status.WARN
    (tmp_path / "proc/device-tree/model").unlink()
    assert system.check_os(context(tmp_path)).status is Status.OK


@pytest.mark.parametrize(
    ("free", "status"),
    [(20_000, Status.OK), (500, Status.OK), (499, Status.WARN), (50, Status.WARN), (49, Status.FAIL)],
)
def test_disk(free, status):
    assert system.disk_finding(free, 30_000).status is status


def test_little_memory_is_a_warning(tmp_path):
    assert system.check_memory(context(make_pi(tmp_path, available_mb=180))).status is Status.WARN


@pytest.mark.parametrize(
    ("celsius", "status", "words"),
    [(79.9, Status.OK, ""), (80.0, Status.WARN, ": too hot"), (86.0, Status.WARN, "far too hot")],
)
def test_temperature(tmp_path, celsius, status, words):
    make_pi(tmp_path, celsius=celsius)
    hwmon(tmp_path, 2, "pwmfan", fan1_input="0")
    result = system.check_temperature(context(tmp_path))
    assert result.status is status
    assert words in result.detail
    assert "fan 0 rpm" in result.detail


@pytest.mark.parametrize(
    ("options", "past", "words"),
    [
        ({"alarm": 1}, "0x0", "under-voltage now"),
        ({}, "0x50000", "under-voltage since the boot"),
        ({"throttled": "4"}, "0x0", "slowed down now"),
        ({}, "0xe0000", "slowed down since the boot"),
    ],
)
def test_power_warnings(tmp_path, options, past, words):
    result = system.check_power(
        context(make_pi(tmp_path, **options), out=f"throttled={past}\n", programs=("vcgencmd",))
    )
    assert result.status is Status.WARN
    assert words in result.detail


def test_a_vcgencmd_that_may_not_or_hangs_is_no_trouble(tmp_path):
    def hang(words, timeout, text=""):
        raise subprocess.TimeoutExpired(words, timeout)

    machine = Context(Config(), machine=Machine(make_pi(tmp_path), run=hang, has=lambda name: True))
    assert system.check_power(machine).status is Status.OK
    assert (
        system.check_power(
            context(tmp_path, out="VCHI initialization failed\n", code=255, programs=("vcgencmd",))
        ).status
        is Status.OK
    )
