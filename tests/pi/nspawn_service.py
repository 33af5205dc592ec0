#!/usr/bin/env python3
"""setup.sh and the service on a Debian that really boots: bookworm and trixie roots under systemd-nspawn.

    sudo tests/pi/nspawn_service.py [--release bookworm] [--cache DIR]

Needs root, a network, and `apt install mmdebstrap systemd-container`. Builds a minimal root for each
release (kept in the cache folder as a tar), boots it, and goes through a service's life: install, boot,
crash, hang, reboot, upgrade, three upgrades that fail, uninstall. It prints what it sees, and exits 1 if
any step failed.

What is stood in for: the machine is a PC's (amd64) and has no camera, so the service decides on the
built-in demo scene; Raspberry Pi's own apt archive is not used, so python3-lgpio and python3-picamera2
are absent, and setup.sh has to do without them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nspawn_machine import (
    INSIDE,
    Failed,
    Machine,
    default_cache,
    host_mirror,
    make_tar,
    output_of,
    unpack,
    wait_for,
)


def main() -> int:
    """Run all releases; 0 if every step was as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--release", action="append", choices=("bookworm", "trixie"), help="(default: both)")
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="for the roots (default: %(default)s)"
    )
    parser.add_argument(
        "--mirror", default=host_mirror(), help="Debian mirror (default: this machine's, %(default)s)"
    )
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("root is needed: sudo " + sys.argv[0])
    missing = [
        tool for tool in ("mmdebstrap", "systemd-nspawn", "unshare", "nsenter") if not shutil.which(tool)
    ]
    if missing:
        parser.error(f"{', '.join(missing)} not found; apt install mmdebstrap systemd-container util-linux")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # the machine is switched off and its folder removed then, too
    failures = 0
    for release in arguments.release or ("bookworm", "trixie"):
        with tempfile.TemporaryDirectory(dir=arguments.cache) as folder:
            root = unpack(make_tar(arguments.cache, release, arguments.mirror), Path(folder) / "root")
            failures += Life(release, Machine(root)).run()
    print(f"\n{'FAILED' if failures else 'all as it should be'}: {failures} steps failed")
    return 1 if failures else 0


class Life:
    """The steps, in the order of a service's life."""

    def __init__(self, release: str, machine: Machine) -> None:
        self.release, self.machine = release, machine
        self.before: set[str] = set()
        self.packages: set[str] = set()

    def run(self) -> int:
        """How many steps failed. After one that the others build on (boot, install), the rest is left out."""
        print(f"\n=== {self.release}", flush=True)
        failures = 0
        try:
            for step in (
                self.boot,
                self.dry_run,
                self.install,
                self.waits_for_a_camera,
                self.decides,
                self.doctor,
                self.second_run,
                self.killed,
                self.hangs,
                self.reboot,
                self.wrong_configuration,
                self.upgrade,
                self.upgrade_cut_off,
                self.upgrade_that_does_not_import,
                self.upgrade_that_does_not_start,
                self.sandbox,
                self.uninstall,
                self.elsewhere,
                self.purge,
            ):
                failed = self._try(step)
                failures += failed
                if failed and step in (self.boot, self.install):
                    break
        finally:
            self.machine.power_off()
        return failures

    def _try(self, step: Callable[[], str]) -> bool:
        start = time.monotonic()
        try:
            text, failed = step(), False
        except (Failed, subprocess.TimeoutExpired) as error:
            text, failed = str(error), True
        name, seconds = step.__name__.replace("_", " "), time.monotonic() - start
        print(f"{'FAILED' if failed else 'ok':7}{name} ({seconds:.0f} s)", flush=True)
        print("".join(f"           {line}\n" for line in text.splitlines()), end="", flush=True)
        return failed

    # --- the steps

    def boot(self) -> str:
        """A fresh card."""
        state = self.machine.boot()
        self.before, self.packages = self.machine.files(), self.machine.packages()
        versions = self._shell("systemctl --version | head -1; python3 -V")
        return f"systemd: {state}; {versions}; {len(self.before)} files"

    def dry_run(self) -> str:
        """Says what it would do and does nothing."""
        text = self._setup("--dry-run")
        self._expect(not re.search(r"^setup: changed", text, re.MULTILINE), text)
        self._expect(self.machine.files() == self.before, "files have changed")
        return text

    def install(self) -> str:
        """The one command."""
        disk, start = self.machine.disk(), time.monotonic()
        text = self._setup()
        seconds = time.monotonic() - start
        sizes = self._shell("du -sm /opt/mask-edge | cut -f1")
        self._expect(self._show("ActiveState") == "active", text)
        own = self._shell(
            "/opt/mask-edge/current/bin/python -m pip list --local --format freeze 2>/dev/null | tr '\\n' ' '"
        )
        places = self._shell(
            "cd / && /opt/mask-edge/current/bin/python -c "
            "'import numpy, cv2; print(numpy.__version__, numpy.__file__, cv2.__file__)'"
        )
        used = f"{self.machine.disk() - disk} MB, of that {sizes} MB in /opt/mask-edge, the rest of apt"
        return (
            f"{lines_of(text)}\nin {seconds:.0f} s; disk: {used}\n"
            f"in the environment: {own}\nseen from it: {places}"
        )

    def waits_for_a_camera(self) -> str:
        """There is none here: the service stays up and is uncertain, and the doctor reads that."""
        wait_for(lambda: "UNCERTAIN" in self._show("StatusText"), 60, "uncertain")
        self._expect(self._show("NRestarts") == "0", "it was restarted")
        doctor = self.machine.shell("cd / && mask-edge doctor 2>&1", check=False)
        finding = next((line for line in doctor.stdout.splitlines() if " camera " in line), doctor.stdout)
        self._expect(doctor.returncode == 1 and "gets no good frames" in finding, finding)
        return f"{self._show('ActiveState')}, status: {self._show('StatusText')}\n{finding}"

    def decides(self) -> str:
        """On the demo scene."""
        self._shell(
            "sed -i 's/^uri = .*/uri = \"demo\"/' /etc/mask-edge/config.toml && systemctl restart mask-edge"
        )
        took = self._wait_for_decisions()
        memory = self._shell("grep VmRSS /proc/$(systemctl show -P MainPID mask-edge)/status").split()[1]
        status = f"status: {self._show('StatusText')}; {int(memory) // 1024} MB resident"
        state = self._shell("runuser -u nobody -- cat /run/mask-edge/state.json")
        self._expect('"state": "pass"' in state, state)
        return f"idle, deny and pass within {took:.0f} s; {status}\n{state}\n{self._log(12)}"

    def doctor(self) -> str:
        """As the farewell of setup.sh proposes it. It finds no fault."""
        result = self.machine.shell("cd / && mask-edge doctor 2>&1", check=False)
        self._expect(result.returncode == 0, result.stdout)
        return result.stdout

    def second_run(self) -> str:
        """Changes nothing."""
        pid, files, start = self._pid(), self.machine.files(), time.monotonic()
        text = self._setup()
        self._expect(not re.search(r"^setup: changed", text, re.MULTILINE), text)
        self._expect(pid == self._pid(), "the service was restarted")
        self._expect(
            files == self.machine.files(), f"files have changed: {sorted(files ^ self.machine.files())[:10]}"
        )
        return f"{lines_of(text)}\nin {time.monotonic() - start:.0f} s, same process"

    def killed(self) -> str:
        """kill -9."""
        pid = self._pid()
        self._shell(f"kill -9 {pid}")
        took = wait_for(
            lambda: self._pid() not in (pid, "0") and self._show("ActiveState") == "active",
            60,
            "another process is active",
        )
        return f"active again after {took:.1f} s (RestartSec {self._show('RestartUSec')})"

    def hangs(self) -> str:
        """SIGSTOP: what hangs falls silent, and the watchdog ends it."""
        pid = self._pid()
        self._shell(f"kill -STOP {pid}")
        took = wait_for(
            lambda: self._pid() not in (pid, "0") and self._show("ActiveState") == "active",
            150,
            "another process is active",
        )
        log = self._log(60, "atchdog|Fatal|File|Main process")
        return f"active again after {took:.1f} s (WatchdogSec {self._show('WatchdogUSec')})\n{log}"

    def reboot(self) -> str:
        """The service comes up by itself."""
        self.machine.power_off()
        self.machine.boot()
        wait_for(lambda: self._show("ActiveState") == "active", 60, "active after the reboot")
        took = self._wait_for_decisions()
        return f"active, decided {took:.0f} s after that; status: {self._show('StatusText')}"

    def wrong_configuration(self) -> str:
        """A typing error is said once and not retried."""
        self._shell(
            "cp /etc/mask-edge/config.toml /srv/good.toml; echo '[sorce]' >>/etc/mask-edge/config.toml"
        )
        self._shell("systemctl restart mask-edge", check=False)
        time.sleep(8)
        state = self._shell(
            "systemctl show -P ActiveState -P ExecMainStatus -P NRestarts mask-edge | tr '\\n' ' '"
        )
        said = self._log(20, "mask-edge: ")
        self._shell(
            "cat /srv/good.toml >/etc/mask-edge/config.toml; rm /srv/good.toml; systemctl restart mask-edge"
        )
        self._expect(set(state.split()) == {"failed", "78", "0"}, state)
        self._expect(said.count("unknown table [sorce]") == 1, said)
        return f"{state}\n{said}"

    def upgrade(self) -> str:
        """Other content and another setting, same release number."""
        old, pid, settings = self._version(), self._pid(), self._shell("cat /etc/mask-edge/config.toml")
        self._append(
            "edge/config/tables.py",
            '\nSourceConfig.__doc__ = "Where frames come from, as the next release says it."\n',
        )
        text = self._setup()
        new = self._shell("cat /etc/mask-edge/config.toml.new")
        self._expect(
            "as the next release says it" in new
            and settings == self._shell("cat /etc/mask-edge/config.toml"),
            text,
        )
        self._expect(self._version() != old and self._pid() != pid, text)
        self._expect(old not in self._shell("ls /opt/mask-edge"), "the old version is still there")
        self._wait_for_decisions()
        return f"{lines_of(text, 'changed')}\n{old} -> {self._version()}"

    def upgrade_cut_off(self) -> str:
        """setup.sh and pip killed halfway; the next run builds it anew."""
        old, pid = self._version(), self._pid()
        self._append("edge/loop.py", "# changed\n")
        setup = self.machine.start(f"{INSIDE}/setup.sh")
        wait_for(
            lambda: bool(output_of(["pgrep", "-g", str(setup.pid), "-f", "pip install.*ai-edge-litert"])),
            120,
            "pip runs",
        )
        os.killpg(setup.pid, signal.SIGKILL)
        setup.wait()
        self._expect((self._version(), self._pid()) == (old, pid), "the old version does not run any more")
        debris = self._shell("ls /opt/mask-edge")
        self._setup()
        self._expect(self._version() != old and self._pid() != pid, "the second run did not upgrade")
        left = self._shell("ls /opt/mask-edge").split()
        cut = f"after the cut: {' '.join(debris.split())}; {old} still ran"
        return f"{cut}\nafter the next run: {' '.join(left)}"

    def upgrade_that_does_not_import(self) -> str:
        """Noticed before anything is switched over."""
        return self._failed_upgrade("edge/commands/main.py", "raise RuntimeError('broken on purpose')\n")

    def upgrade_that_does_not_start(self) -> str:
        """Noticed by systemd: back to the version before."""
        return self._failed_upgrade(
            "edge/loop.py",
            "\ndef _broken(self):\n    raise RuntimeError('broken on purpose')\n\n\nLoop.run = _broken\n",
        )

    def sandbox(self) -> str:
        """The unit as installed."""
        said = self._shell("systemd-analyze verify /etc/systemd/system/mask-edge.service 2>&1")
        self._expect(not said, said)
        rating = self._shell("systemd-analyze security --no-pager mask-edge | tail -1")
        exposure = re.search(r"(\d+\.\d)", rating)
        self._expect(exposure is not None and float(exposure[1]) <= 2.0, rating)
        return rating

    def uninstall(self) -> str:
        """With the copy that was installed; settings and state stay."""
        text = self._shell("/opt/mask-edge/setup.sh --uninstall 2>&1")
        left = sorted(
            path
            for path in self.machine.files() - self.before
            if "mask-edge" in path and not path.startswith(INSIDE)
        )
        self._expect("/etc/mask-edge/config.toml" in left, text)
        self._expect(
            all(path.startswith(("/etc/mask-edge", "/var/lib/mask-edge")) for path in left), "\n".join(left)
        )
        self._expect(self._shell("getent passwd mask-edge || true") == "", "the user is still there")
        return f"{lines_of(text)}\nleft: {' '.join(left)}"

    def elsewhere(self) -> str:
        """Installed again with every flag; the earlier settings are still there, the service stays off."""
        settings = self._shell("sha256sum /etc/mask-edge/config.toml")
        text = self._setup("--prefix", "/srv/door", "--coral", "none", "--no-start")
        self._expect(
            self._show("ActiveState") == "inactive"
            and self._shell("systemctl is-enabled mask-edge") == "enabled",
            text,
        )
        self._expect(
            "/srv/door/current/bin/mask-edge" in self._shell("cat /etc/systemd/system/mask-edge.service"),
            "the unit names another place",
        )
        self._expect(self._shell("ls -A /etc/udev/rules.d") == "", "a udev rule in spite of --coral none")
        self._expect(
            settings == self._shell("sha256sum /etc/mask-edge/config.toml"), "the settings have changed"
        )
        self._expect(" new settings" not in text, text)
        self._shell("systemctl start mask-edge")
        self._wait_for_decisions()
        return lines_of(text, "skipped") + "\nstarted by hand, it decides"

    def purge(self) -> str:
        """And with the Debian packages that came with it: as before."""
        text = self._shell("/srv/door/setup.sh --uninstall --purge --yes 2>&1")
        # Not `apt autoremove`: it keeps what came as a dependency if another package so much as suggests it.
        packages = " ".join(self.machine.packages() - self.packages)
        self._shell(f"DEBIAN_FRONTEND=noninteractive apt-get purge -y -q {packages}")
        after = {path for path in self.machine.files() if not path.startswith(INSIDE)}
        before = {path for path in self.before if not path.startswith(INSIDE)}
        self._expect(
            after == before, f"more: {sorted(after - before)[:20]}\nless: {sorted(before - after)[:20]}"
        )
        return f"{lines_of(text)}\n{len(after)} files, the same as before"

    # --- what the steps are made of

    def _failed_upgrade(self, path: str, text: str) -> str:
        old, good = self._version(), (self.machine.root / INSIDE.lstrip("/") / path).read_text()
        self._append(path, text)
        result = self.machine.shell(f"{INSIDE}/setup.sh 2>&1", check=False)
        (self.machine.root / INSIDE.lstrip("/") / path).write_text(good)
        self._expect(result.returncode == 1, f"exit code {result.returncode}\n{result.stdout}")
        self._expect(self._version() == old, f"the version is {self._version()}")
        wait_for(lambda: self._show("ActiveState") == "active", 30, "the old version is active")
        self._wait_for_decisions()
        return "\n".join(result.stdout.splitlines()[-8:]) + f"\n{old} runs"

    def _setup(self, *flags: str) -> str:
        return self._shell(f"{INSIDE}/setup.sh {' '.join(flags)} 2>&1")

    def _append(self, path: str, text: str) -> None:
        file = self.machine.root / INSIDE.lstrip("/") / path
        file.write_text(file.read_text() + text)

    def _shell(self, command: str, check: bool = True) -> str:
        return self.machine.shell(command, check).stdout.strip()

    def _show(self, name: str) -> str:
        return self._shell(f"systemctl show -P {name} mask-edge")

    def _pid(self) -> str:
        return self._show("MainPID")

    def _version(self) -> str:
        return self._shell("readlink /opt/mask-edge/current")

    def _log(self, lines: int, pattern: str = "") -> str:
        """The service's last lines in the journal, those that match."""
        text = self._shell(f"journalctl -u mask-edge -n {lines} --no-pager -o short-iso")
        return "\n".join(line for line in text.splitlines() if re.search(pattern, line))

    def _wait_for_decisions(self) -> float:
        """Until this very process has logged all three states of the scene."""
        pid = self._pid()

        def all_seen() -> bool:
            text = self._shell(f"journalctl _PID={pid} --no-pager -o cat")
            return all(word in text for word in ("IDLE", "DENY", "PASS"))

        return wait_for(all_seen, 90, "idle, deny and pass in the log")

    def _expect(self, condition: bool, otherwise: str) -> None:
        if not condition:
            raise Failed(otherwise)


def lines_of(text: str, word: str = "") -> str:
    """setup.sh's own lines, without apt's and pip's."""
    return "\n".join(line for line in text.splitlines() if line.startswith("setup: " + word))


if __name__ == "__main__":
    sys.exit(main())
