"""What setup.sh says of a Coral Edge TPU and its library, on pretended machines. It changes nothing here."""

import subprocess

import pytest

from tests.coral_fakes import AFTER, BEFORE, FakeStick

from .test_setup import FakeMachine

OURS = "libedgetpu1-std_16.0tf2.19.1-1.bookworm_arm64.deb"


@pytest.fixture
def machine(tmp_path):
    if subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 13)])"]
    ).returncode:
        pytest.skip(
            "the service is not made for this system's own python3: these tests of setup.sh were NOT run"
        )
    machine = FakeMachine(tmp_path)
    machine.command("ldconfig", "exit 0")
    machine.command("getent", "exit 0")
    library(machine, "")
    return machine


@pytest.fixture
def stick(machine):
    return FakeStick(machine.sysroot)


def library(machine: FakeMachine, version: str) -> None:
    """The version of the installed package, or empty."""
    machine.command(
        "dpkg-query",
        f'case "$*" in *libedgetpu*) [ -n "{version}" ] && echo "{version}" || exit 1;; '
        "*) echo installed;; esac",
    )


def coral_lines(machine: FakeMachine, *words: str) -> str:
    result = machine.setup("--dry-run", *words)
    assert result.returncode == 0, result.stderr
    assert not machine.trace.exists()
    lines = result.stderr.splitlines()
    start = next(i for i, line in enumerate(lines) if "Coral" in line)
    return "\n".join(line for line in lines[start : start + 4] if "Coral" in line or "libedgetpu" in line)


def test_without_a_coral_there_is_but_the_rule(machine, stick):
    text = coral_lines(machine)
    assert text.count("\n") == 0
    assert "60-mask-edge-coral.rules" in text


@pytest.mark.parametrize("identity", [BEFORE, AFTER])
def test_a_stick_without_its_library_names_the_package_and_downloads_nothing(machine, stick, identity):
    stick.plug(identity)
    text = coral_lines(machine)
    assert "missing  Coral on USB 2-1: libedgetpu.so.1 is not installed" in text
    assert f"download {OURS} from https://github.com/feranick/libedgetpu/releases" in text


@pytest.mark.parametrize("version", ["16.0", "15.0", "16.0tf2.11.1-1"])
def test_a_library_for_old_runtimes_is_told_to_crash(machine, stick, version):
    stick.plug()
    library(machine, version)
    text = coral_lines(machine)
    assert f"libedgetpu {version} is a build for old TFLite runtimes" in text
    assert OURS in text


@pytest.mark.parametrize("version", ["16.0tf2.13.1-1", "16.0tf2.17.1-1", "16.0tf2.19.1-1", "16.0tf2.20.0-1"])
def test_a_library_that_fits_is_left_to_the_doctor(machine, stick, version):
    stick.plug()
    library(machine, version)
    text = coral_lines(machine)
    assert f"ok       Coral on USB 2-1: libedgetpu {version}" in text
    assert "download" not in text


def test_a_library_that_was_built_by_hand_is_seen(machine, stick):
    stick.plug()
    machine.command(
        "ldconfig", "echo '	libedgetpu.so.1 (libc6,AArch64) => /usr/local/lib/libedgetpu.so.1'"
    )
    assert "libedgetpu.so.1 is not from a package" in coral_lines(machine)


def test_a_card_on_pcie_is_seen(machine, stick):
    stick.plug_pcie()
    assert "Coral on PCIe 0000:01:00.0" in coral_lines(machine)


def test_a_missing_group_is_made(machine, stick):
    machine.command("getent", '[ "$2" != plugdev ]')
    assert "would    group plugdev, with mask-edge in it" in machine.setup("--dry-run").stderr


def test_none_is_none(machine, stick):
    stick.plug()
    assert "skipped  Coral: --coral none" in coral_lines(machine, "--coral", "none")
