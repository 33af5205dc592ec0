"""A minimal Debian that boots under systemd-nspawn, with this checkout inside. For nspawn_service.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = (
    "setup.sh",
    "pyproject.toml",
    "README.md",
    "edge",
    "convert",
    "training",
    "models",
    "docs",
    "systemd",
)
INSIDE = "/srv/mask-edge"
PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BOOT = """
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet -D "$1" \\
    --boot --register=no --keep-unit --console=pipe --resolv-conf=copy-host
"""
"""In a namespace of its own, so that the host's systemd, if it has one, is left alone."""

PASSING = re.compile(
    r"/(proc|sys|dev|run|tmp|var/tmp|var/log|var/cache|var/lib/apt|var/lib/dpkg|var/lib/systemd|etc/ssl)(/|$)"
    r"|__pycache__|/etc/(passwd|group|g?shadow|sub[ug]id)-$"
)
"""Where files come and go by themselves: apt's bookkeeping, and useradd's copies of old files."""


class Failed(Exception):
    """A step saw something else than it should."""


def default_cache() -> Path:
    """As roots.sh chooses it."""
    return Path(
        os.environ.get("MASKEDGE_TEST_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mask-edge-tests"
    )


def host_mirror() -> str:
    """The first Debian mirror of this machine's apt; empty where it has none, for mmdebstrap's default."""
    text = "\n".join(path.read_text() for path in Path("/etc/apt").glob("sources.list*/*.sources"))
    text += "\n".join(path.read_text() for path in [Path("/etc/apt/sources.list")] if path.is_file())
    found = re.search(r"^(?:URIs:|deb) *(?:\[.*?\] *)?(\S+/debian/?)\b", text, re.MULTILINE)
    return found[1] if found else ""


def make_tar(cache: Path, release: str, mirror: str) -> Path:
    """A minimal bootable root, built once."""
    tar = cache / f"{release}-amd64.tar"
    if not tar.is_file():
        print(f"building {tar} (one to three minutes)", flush=True)
        half = tar.with_suffix(".part.tar")
        subprocess.run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=minbase",
                f"--include={PACKAGES}",
                release,
                str(half),
                *filter(None, [mirror]),
            ],
            check=True,
        )
        half.rename(tar)
    return tar


def unpack(tar: Path, root: Path) -> Path:
    """A fresh root with this machine's way to the network: certificates, /etc/hosts, pip's index."""
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "-xf", str(tar)], check=True)
    shutil.copy("/etc/hosts", root / "etc/hosts")
    # The root is thrown away: dpkg need not wait for the disk.
    (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    lines = ["[global]"]
    if CERTIFICATES.is_file():
        shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        lines.append(f"cert = {CERTIFICATES}")
    index = os.environ.get("PIP_INDEX_URL") or output_of(
        ["python3", "-m", "pip", "config", "get", "global.index-url"]
    )
    lines += [f"index-url = {index}"] if index else []
    (root / "etc/pip.conf").write_text("\n".join(lines) + "\n")
    copy_checkout(root)
    return root


def copy_checkout(root: Path) -> None:
    """The project as it is here, afresh."""
    target = root / INSIDE.lstrip("/")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / part)


def output_of(command: list[str]) -> str:
    """What a command prints, or nothing where it fails."""
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else ""


class Machine:
    """A root that can be booted, and commands run inside while it is up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def boot(self) -> str:
        """Returns systemd's word on how it went: running or degraded."""
        command = [
            "unshare",
            "--mount",
            "--cgroup",
            "--propagation",
            "private",
            "bash",
            "-c",
            BOOT,
            "boot",
            str(self.root),
        ]
        log = self.root.parent / "console.log"
        with log.open("ab") as console:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        wait_for(self._find_leader, 30, f"the container starts ({log})")
        wait_for(
            lambda: (
                self.shell("systemctl is-system-running", check=False).stdout.strip()
                in ("running", "degraded")
            ),
            120,
            "systemd is up",
        )
        return self.shell("systemctl is-system-running", check=False).stdout.strip()

    def power_off(self) -> None:
        """As at the end of the day."""
        if self._process is not None:
            self.shell("systemctl poweroff", check=False)
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def shell(
        self, command: str, check: bool = True, timeout: float = 1800
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, as root."""
        result = subprocess.run(self._inside(command), capture_output=True, text=True, timeout=timeout)
        if check and result.returncode != 0:
            raise Failed(f"`{command}` exits {result.returncode}:\n{(result.stdout + result.stderr)[-3000:]}")
        return result

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command inside, as a process group of its own, and leave it running."""
        return subprocess.Popen(
            self._inside(command),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def files(self) -> set[str]:
        """Every path inside that does not come and go by itself."""
        # No check: find complains of a file that goes while it looks.
        found = subprocess.run(
            ["find", str(self.root), "-xdev"], capture_output=True, text=True
        ).stdout.splitlines()
        paths = (line.removeprefix(str(self.root)) for line in found)
        return {path for path in paths if path and not PASSING.search(path)}

    def packages(self) -> set[str]:
        """The Debian packages that are installed."""
        return set(
            self.shell(
                "dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\\n' | sed -n 's/^ii *//p'"
            ).stdout.split()
        )

    def disk(self) -> int:
        """MB in the whole root."""
        return int(output_of(["du", "-smx", str(self.root)]).split()[0])

    def _inside(self, command: str) -> list[str]:
        environment = [
            "HOME=/root",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
        ]
        return [
            "nsenter",
            "--target",
            str(self._leader),
            "--all",
            "/usr/bin/env",
            "-i",
            *environment,
            "bash",
            "-c",
            command,
        ]

    def _find_leader(self) -> bool:
        """The container's PID 1: the only child of systemd-nspawn."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise Failed("systemd-nspawn ended at once; see console.log")
        children = output_of(["pgrep", "-P", str(self._process.pid), "-x", "systemd|init"]).split()
        self._leader = int(children[0]) if children else 0
        return bool(children)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """How long it took. Raises Failed."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise Failed(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)
    return time.monotonic() - start
