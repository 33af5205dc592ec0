"""The board and its sensors, from /proc and /sys.

Any of it may be absent, on a PC or in a container: then it is None, never an error.
`root` is where the file system begins: another folder in tests.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FILE_SYSTEM = Path("/")
ZONES = ("cpu-thermal", "cpu_thermal", "x86_pkg_temp", "acpitz")
"""Thermal zones by their `type`, in order of choice: a Raspberry Pi's, in both spellings, then a PC's."""

LIMITED = 0b1110
"""Bits of get_throttled that slow the processor down now.

Bit 1: frequency capped; 2: throttled; 3: soft temperature limit. Bit 0 is under-voltage. The same bits 16
places higher: it has occurred. (Raspberry Pi documentation, vcgencmd get_throttled.)
"""


@dataclass(frozen=True, slots=True)
class Sensors:
    """What the board says of itself now. None: not known here."""

    temperature_c: float | None = None
    """Degrees Celsius of the processor."""
    throttled: bool | None = None
    """Whether the processor is slowed down."""
    under_voltage: bool | None = None
    fan_rpm: int | None = None
    """Turns a minute; 0 is a fan that stands still."""


def read_sensors(root: Path = FILE_SYSTEM) -> Sensors:
    """All sensors. A few small files are read, in less than a millisecond."""
    limits = _firmware_limits(root)
    alarm = read_number(_hwmon(root, "rpi_volt", "in0_lcrit_alarm"))
    throttled = None if limits is None else bool(limits & LIMITED)
    if alarm is not None:
        under_voltage: bool | None = bool(alarm)
    else:
        under_voltage = None if limits is None else bool(limits & 1)
    fan = read_number(_hwmon(root, "pwmfan", "fan1_input"))
    return Sensors(_temperature(root), throttled, under_voltage, fan)


def board_model(root: Path = FILE_SYSTEM) -> str | None:
    """As the maker writes it: `Raspberry Pi 4 Model B Rev 1.4`; the product name of a PC."""
    return read_text(root / "proc/device-tree/model") or read_text(root / "sys/class/dmi/id/product_name")


def memory_mb(root: Path = FILE_SYSTEM) -> tuple[float, float] | None:
    """(all, available) memory of the machine, MiB, from /proc/meminfo."""
    lines = (read_text(root / "proc/meminfo") or "").splitlines()
    entries = (line.partition(":") for line in lines)
    values = {name: rest.split()[0] for name, _, rest in entries if rest.split()}
    try:
        return float(values["MemTotal"]) / 1024, float(values["MemAvailable"]) / 1024
    except (KeyError, ValueError):
        return None


def resident_mb(root: Path = FILE_SYSTEM) -> float | None:
    """Resident memory of this process, MiB: the second field of proc_pid_statm(5), in pages."""
    fields = (read_text(root / "proc/self/statm") or "").split()
    if len(fields) < 2 or not fields[1].isdigit():
        return None
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def read_text(path: Path | None) -> str | None:
    """A small file without white space and NUL at its ends.

    None where it is empty, is not there or cannot be read.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \t\n") or None
    except OSError:  # a driver whose hardware does not answer raises it too
        return None


def read_number(path: Path | None, base: int = 10) -> int | None:
    """A file that holds one number, or None."""
    try:
        return int(read_text(path) or "", base)
    except ValueError:
        return None


def _temperature(root: Path) -> float | None:
    """Degrees Celsius of the first zone that is known to be the processor's; the kernel gives thousandths."""
    folders = sorted((root / "sys/class/thermal").glob("thermal_zone*"), reverse=True)
    zones = {read_text(zone / "type"): zone for zone in folders}
    values = (read_number(zones[name] / "temp") for name in ZONES if name in zones)
    return next((value / 1000 for value in values if value is not None), None)


def _hwmon(root: Path, name: str, file: str) -> Path | None:
    """A sensor's file by its driver's name. rpi_volt is raspberrypi-hwmon; its alarm covers the last 2 s."""
    entries = sorted((root / "sys/class/hwmon").glob("*"))
    return next((entry / file for entry in entries if read_text(entry / "name") == name), None)


def _firmware_limits(root: Path) -> int | None:
    """get_throttled, hexadecimal, renewed every 2 s (drivers/firmware/raspberrypi.c).

    Only Raspberry Pi's own kernels have it, not Debian's, and not on every Pi 5. It is marked as deprecated:
    the first reading since the boot leaves one warning in the kernel's log. A process without rights has no
    other way: vcgencmd needs a device that the sandboxed service does not have.
    """
    files = sorted((root / "sys/devices/platform").glob("soc*/soc*:firmware/get_throttled"))
    return read_number(files[0], 16) if files else None
