"""The machine: operating system, board, Python, memory, disk, temperature and power."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from edge.doctor.check import Context
from edge.host.board import board_model, memory_mb, read_sensors, read_text
from edge.host.findings import Finding, fail, ok, warn
from edge.host.watch import HOT_C

RELEASES = ("bookworm", "trixie")
"""Releases that setup.sh is tested with."""

VERY_HOT_C = 85.0
"""Degrees Celsius from which on a Pi is slowed down hard; from HOT_C on it is slowed down a little.

Raspberry Pi documentation, frequency management.
"""

SUPPLY = (
    "use the power supply made for this Pi (Pi 5: 5 V 5 A; Pi 4: 5 V 3 A) with a short cable, "
    "and a powered hub for USB sticks"
)
COOLING = "give it a heat sink or a fan, and a place without sun"
MAKE_ROOM = (
    "make room: `sudo apt clean`, `sudo journalctl --vacuum-size=50M`; "
    "`du -xh / 2>/dev/null | sort -h | tail` shows the large folders"
)

LITTLE_MEMORY_MB = 250
"""MB available: runtime, models and frames take about 200."""

LITTLE_DISK_MB, NO_DISK_MB = 500, 50
"""MB free, for logs and upgrades: less than the first is a warning, less than the second a failure."""

UNDER_VOLTAGE_SINCE_BOOT = 1 << 16
THROTTLED_SINCE_BOOT = 0b1110 << 16
"""Bits of vcgencmd's get_throttled: frequency capped, throttled, soft temperature limit (vcgencmd(1))."""


def check_os(context: Context) -> Finding:
    """Release and architecture."""
    release = _os_release(context.machine.root)
    name, machine = release.get("PRETTY_NAME", "unknown system"), context.machine.architecture
    detail = f"{name}, {machine}"
    if machine not in ("x86_64", "aarch64", "AMD64", "arm64"):
        return fail(f"{detail}: there is no TFLite runtime for it", "flash the 64-bit Raspberry Pi OS")
    if _is_pi(context.machine.root) and release.get("VERSION_CODENAME") not in RELEASES:
        return warn(
            f"{detail}: setup.sh is tested with {' and '.join(RELEASES)}",
            "flash the current Raspberry Pi OS (64-bit)",
        )
    return ok(detail)


def check_board(context: Context) -> Finding:
    """Which board."""
    model = board_model(context.machine.root)
    return ok(model or "unknown: neither a device tree nor DMI names it")


def check_python(context: Context) -> Finding:
    """Version and environment."""
    place = f"environment {sys.prefix}" if sys.prefix != sys.base_prefix else "the system's own"
    return ok(f"{'.'.join(map(str, sys.version_info[:3]))}, {place}")


def check_memory(context: Context) -> Finding:
    """Memory that is available to the program."""
    memory = memory_mb(context.machine.root)
    if memory is None:
        return ok("unknown: no /proc/meminfo")
    total, available = memory
    detail = f"{available:.0f} of {total:.0f} MB available"
    if available >= LITTLE_MEMORY_MB:
        return ok(detail)
    return warn(
        detail, "close other programs, or switch the desktop off: `sudo raspi-config`, System Options, Boot"
    )


def check_disk(context: Context) -> Finding:
    """Free room on the disk, for logs and upgrades."""
    usage = shutil.disk_usage(context.machine.root)
    return disk_finding(usage.free / 2**20, usage.total / 2**20)


def disk_finding(free_mb: float, total_mb: float) -> Finding:
    """The finding on a disk with this room."""
    detail = f"{free_mb / 1024:.1f} of {total_mb / 1024:.1f} GB free"
    if free_mb >= LITTLE_DISK_MB:
        return ok(detail)
    return warn(detail, MAKE_ROOM) if free_mb >= NO_DISK_MB else fail(detail, MAKE_ROOM)


def check_temperature(context: Context) -> Finding:
    """The processor's temperature: a hot one is slowed down."""
    sensors = read_sensors(context.machine.root)
    if sensors.temperature_c is None:
        return ok("no sensor here")
    fan = "" if sensors.fan_rpm is None else f", fan {sensors.fan_rpm} rpm"
    detail = f"{sensors.temperature_c:.0f} C{fan}"
    if sensors.temperature_c < HOT_C:
        return ok(detail)
    far = "far " if sensors.temperature_c >= VERY_HOT_C else ""
    return warn(f"{detail}: {far}too hot, the processor is slowed down", COOLING)


def check_power(context: Context) -> Finding:
    """Under-voltage and throttling: now, and since the boot where the firmware can be asked."""
    sensors = read_sensors(context.machine.root)
    past = _since_boot(context)
    if sensors.under_voltage:
        return warn("under-voltage now", SUPPLY)
    if past & UNDER_VOLTAGE_SINCE_BOOT:
        return warn("under-voltage since the boot, not at this moment", SUPPLY)
    if sensors.throttled:
        return warn("the processor is slowed down now", COOLING)
    if past & THROTTLED_SINCE_BOOT:
        return warn("the processor was slowed down since the boot, not at this moment", COOLING)
    if sensors.under_voltage is None and sensors.throttled is None:
        return ok("no sensor here")
    return ok("no under-voltage" + (", not throttled" if sensors.throttled is not None else ""))


def _since_boot(context: Context) -> int:
    """vcgencmd's get_throttled: its high bits stay until the next boot. 0 where it cannot be asked.

    The service has no right to ask; a person at the terminal usually has.
    """
    if not context.machine.has("vcgencmd"):
        return 0
    try:
        answer = context.machine.run(["vcgencmd", "get_throttled"], 2.0).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", answer)
    return int(found[1], 16) if found else 0


def _os_release(root: Path) -> dict[str, str]:
    """The fields of os-release(5)."""
    lines = (read_text(root / "etc/os-release") or read_text(root / "usr/lib/os-release") or "").splitlines()
    return {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}


def _is_pi(root: Path) -> bool:
    return "Raspberry Pi" in (board_model(root) or "")
