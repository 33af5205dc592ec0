"""setup.sh on pretended machines: commands on PATH and files below a folder stand in for them.

It changes nothing here. The whole of it, on a system that boots, is tests/pi/nspawn_service.py.
"""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

from tests.builders import ROOT

SETUP = ROOT / "setup.sh"


class FakeMachine:
    """A Raspberry Pi as setup.sh sees it; commands that would change it only leave a trace."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.sysroot, self.trace = folder / "bin", folder / "root", folder / "trace"
        self.bin.mkdir()
        (self.sysroot / "proc/device-tree").mkdir(parents=True)
        self.os_release("debian", "bookworm", "Debian GNU/Linux 12 (bookworm)")
        (self.sysroot / "proc/device-tree/model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
        self.command("uname", "echo aarch64")
        self.command("dpkg", "echo arm64")
        self.command("dpkg-query", "echo installed")
        self.command("systemctl", "exit 1")
        self.command("id", "echo 1000")
        for name in (
            "apt-get",
            "useradd",
            "usermod",
            "userdel",
            "udevadm",
            "install",
            "runuser",
            "mkdir",
            "mv",
            "ln",
            "touch",
            "sudo",
        ):
            self.command(name, f'echo "{name} $*" >>{self.trace}')

    def command(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def os_release(self, name: str, codename: str, pretty: str) -> None:
        (self.sysroot / "etc").mkdir(exist_ok=True)
        (self.sysroot / "etc/os-release").write_text(
            f'PRETTY_NAME="{pretty}"\nID={name}\nVERSION_CODENAME={codename}\n'
        )

    def setup(self, *words: str) -> subprocess.CompletedProcess:
        environment = os.environ | {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "SETUP_SYSROOT": str(self.sysroot),
            "LC_ALL": "C.UTF-8",
        }
        command = ["bash", str(SETUP), "--prefix", "/opt/mask-edge-test", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


@pytest.fixture
def machine(tmp_path):
    if subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 13)])"]
    ).returncode:
        pytest.skip(
            "the service is not made for this system's own python3: these tests of setup.sh were NOT run"
        )
    return FakeMachine(tmp_path)


def files() -> set[str]:
    return {str(path) for path in ROOT.iterdir()}


def test_shellcheck_has_nothing_to_say():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed (apt install shellcheck): this test was NOT run")
    result = subprocess.run(["shellcheck", str(SETUP)], capture_output=True, text=True)
    assert result.stdout == ""


def test_nothing_runs_before_the_file_is_read_to_its_end():
    text = SETUP.read_text()
    assert text.splitlines()[2] == "set -euo pipefail"
    assert text.endswith('\nmain "$@"\n')


def test_what_is_installed_is_whole():
    """A folder that pyproject.toml forgets is there in a checkout, and missing on the Pi."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in (ROOT / "edge").rglob("*.py")}
    found = find_packages(str(ROOT), include=declared["packages"]["find"]["include"])
    assert folders <= set(found)
    others = {
        path
        for package in ("edge", "training", "convert")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    packed = {
        path
        for name, files in declared["package-data"].items()
        for pattern in files
        for path in (ROOT / name.replace(".", "/")).glob(pattern)
    }
    assert others == packed


def test_a_version_is_built_from_what_its_name_is_a_hash_of():
    """Both take the same list, and the workstation's packages stay off the Pi."""
    text = SETUP.read_text()
    parts = re.search(r"^readonly PARTS=\((.*)\)$", text, re.MULTILINE)[1].split()
    assert set(parts) == {"pyproject.toml", "edge", "models"}
    assert re.search(r'find "\$\{PARTS\[@\]\}"', text)
    assert re.search(r'tar .* README\.md "\$\{PARTS\[@\]\}"', text)


def test_help_names_every_flag():
    result = subprocess.run(["bash", str(SETUP), "--help"], capture_output=True, text=True)
    parsed = set(re.findall(r"--[a-z-]+(?= *\)| *\|)", SETUP.read_text().partition("\nmain() {")[2]))
    assert {
        "--demo",
        "--test",
        "--dry-run",
        "--uninstall",
        "--purge",
        "--yes",
        "--no-start",
        "--prefix",
        "--coral",
        "--help",
    } <= parsed
    assert result.returncode == 0
    assert not {flag for flag in parsed if flag not in result.stdout}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fly"], "unknown option: --fly"),
        (["--coral", "usb"], "--coral usb: choose auto or none"),
        (["--prefix"], "--prefix needs a value"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--prefix", "somewhere"], "give an absolute path"),
        (["--prefix", "/opt/a b"], "give a plain absolute path"),
        (["--prefix", "/opt/../etc"], "give a plain absolute path"),
        (["--prefix", "/home/pi/mask-edge"], "the service's sandbox hides this folder"),
    ],
)
def test_wrong_usage_exits_2_and_says_what(machine, words, message):
    result = machine.setup(*words)
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert not machine.trace.exists()


@pytest.mark.parametrize(
    ("kernel", "packages", "message"),
    [
        ("armv7l", "armhf", "this is a 32-bit system (armv7l, armhf); flash the 64-bit Raspberry Pi OS"),
        ("aarch64", "armhf", "this is a 32-bit system (aarch64, armhf); flash the 64-bit Raspberry Pi OS"),
        ("riscv64", "riscv64", "no TFLite runtime exists for riscv64"),
    ],
)
@pytest.mark.parametrize("words", [[], ["--dry-run"], ["--demo"]])
def test_a_machine_that_cannot_run_it_is_told_what_was_detected(machine, kernel, packages, message, words):
    machine.command("uname", f"echo {kernel}")
    machine.command("dpkg", f"echo {packages}")
    result = machine.setup(*words)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not machine.trace.exists()


@pytest.mark.parametrize(
    ("system", "detected"),
    [
        (("debian", "bullseye", "Debian GNU/Linux 11 (bullseye)"), "bullseye"),
        (("ubuntu", "noble", "Ubuntu 24.04 LTS"), "Ubuntu 24.04 LTS"),
    ],
)
def test_another_system_is_told_what_was_detected(machine, system, detected):
    machine.os_release(*system)
    result = machine.setup("--dry-run")
    assert result.returncode == 1
    assert f"this is {system[2]}" in result.stderr
    assert detected in result.stderr
    assert not machine.trace.exists()


def test_too_little_disk_space_is_said_with_the_figures(machine):
    machine.command("df", r"printf 'h\nf 1 1 123 1%% /\n'")
    result = machine.setup("--dry-run")
    assert result.returncode == 1
    assert "400 MB of free disk space are needed at /opt, there are 123" in result.stderr


def test_without_root_nothing_is_done(machine):
    result = machine.setup()
    assert result.returncode == 1
    assert "root is needed: sudo ./setup.sh" in result.stderr
    assert not machine.trace.exists()


@pytest.mark.slow
def test_a_dry_run_needs_no_root_names_every_step_and_changes_nothing(machine):
    before = files()
    machine.command("dpkg-query", "exit 1")
    result = machine.setup("--dry-run")
    assert result.returncode == 0, result.stderr
    assert "machine: Raspberry Pi 4 Model B Rev 1.4, aarch64, Debian GNU/Linux 12 (bookworm)" in result.stderr
    for what in (
        "python3-opencv",
        "user mask-edge",
        "version 0.",
        "config.toml, with the source picamera",
        "mask-edge.service",
        "/current -> 0.",
        "at boot",
    ):
        assert re.search(f"^setup: would .*{re.escape(what)}", result.stderr, re.MULTILINE), what
    assert "changed" not in result.stderr
    assert not machine.trace.exists()
    assert files() == before
    assert not Path("/opt/mask-edge-test").exists()


def test_the_version_follows_the_content_and_not_the_clock(machine, tmp_path):
    def version(checkout: Path) -> str:
        environment = os.environ | {
            "PATH": f"{machine.bin}:{os.environ['PATH']}",
            "SETUP_SYSROOT": str(machine.sysroot),
        }
        command = ["bash", str(checkout / "setup.sh"), "--dry-run"]
        said = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300).stderr
        return re.search(r"version (\S+)", said)[1]

    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("setup.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for name in ("edge", "models", "systemd"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    original = version(ROOT)
    assert version(copy) == original
    (copy / "edge/__pycache__").mkdir()
    (copy / "edge/__pycache__/x.pyc").write_text("")
    assert version(copy) == original
    with (copy / "edge/loop.py").open("a") as file:
        file.write("# changed\n")
    assert version(copy) != original


def test_purging_without_a_terminal_needs_yes(machine):
    machine.command("id", "echo 0")
    result = machine.setup("--uninstall", "--purge")
    assert result.returncode == 2
    assert "add --yes" in result.stderr
    assert not machine.trace.exists()


def test_uninstalling_what_is_not_there_is_no_error(machine):
    result = machine.setup("--uninstall", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert not machine.trace.exists()


def test_a_usb_camera_that_is_plugged_in_becomes_the_source(machine):
    (machine.sysroot / "proc/device-tree/model").unlink()
    assert "config.toml, with the source usb:0" in machine.setup("--dry-run").stderr
    links = machine.sysroot / "dev/v4l/by-id"
    links.mkdir(parents=True)
    (links / "usb-Maker_Camera_1234-video-index0").symlink_to("../../video2")
    assert (
        "config.toml, with the source usb:/dev/v4l/by-id/usb-Maker_Camera_1234-video-index0"
        in machine.setup("--dry-run").stderr
    )


def test_a_folder_of_somebody_else_is_not_installed_into(machine, tmp_path):
    folder = Path("/usr/share/doc")
    result = machine.setup("--dry-run", "--prefix", str(folder))
    assert result.returncode == 2
    assert f"{folder} holds something else" in result.stderr
