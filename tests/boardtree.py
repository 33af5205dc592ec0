"""Fake /proc, /sys, /etc and /dev trees: what the kernel of a Raspberry Pi shows."""

from pathlib import Path

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux {number} ({name})"
NAME="Debian GNU/Linux"
VERSION_ID="{number}"
VERSION_CODENAME={name}
ID=debian
"""


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def hwmon(root: Path, number: int, name: str, **files: str) -> None:
    for file, text in {"name": name, **files}.items():
        write(root, f"sys/class/hwmon/hwmon{number}/{file}", f"{text}\n")


def make_pi(
    root: Path,
    model: str = "Raspberry Pi 4 Model B Rev 1.4",
    celsius: float = 48.2,
    alarm: int = 0,
    throttled: str | None = "0",
    soc: str = "soc",
    release: tuple[int, str] = (12, "bookworm"),
    available_mb: int = 3100,
) -> Path:
    """A Pi with the kernel of Raspberry Pi OS; throttled=None: with Debian's, which has no get_throttled."""
    write(root, "etc/os-release", OS_RELEASE.format(number=release[0], name=release[1]))
    write(root, "proc/device-tree/model", model + "\0")
    write(
        root,
        "proc/meminfo",
        f"MemTotal: 3884360 kB\nMemFree:  2000000 kB\nMemAvailable: {available_mb * 1024} kB\n",
    )
    write(root, "proc/self/statm", "40000 25600 9000 1 0 30000 0\n")
    write(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write(root, "sys/class/thermal/thermal_zone0/temp", f"{round(celsius * 1000)}\n")
    hwmon(root, 0, "cpu_thermal", temp1_input=str(round(celsius * 1000)))
    hwmon(root, 1, "rpi_volt", in0_lcrit_alarm=str(alarm))
    if throttled is not None:
        write(root, f"sys/devices/platform/{soc}/{soc}:firmware/get_throttled", f"{throttled}\n")
    return root


def add_users(root: Path, user: str, *groups: str) -> Path:
    """A system user and the groups of Raspberry Pi OS; the user is in these."""
    write(
        root,
        "etc/passwd",
        f"root:x:0:0:root:/root:/bin/bash\n{user}:x:990:990::/var/lib/mask-edge:/usr/sbin/nologin\n",
    )
    numbers = {"video": 44, "plugdev": 46, "spi": 995, "i2c": 994, "gpio": 993}
    lines = [f"{name}:x:{number}:{user if name in groups else ''}" for name, number in numbers.items()]
    write(root, "etc/group", "\n".join(["root:x:0:", f"{user}:x:990:", *lines, ""]))
    return root
