"""Who the door's program runs as, what groups that needs, and what it may open. From /etc/passwd and /etc/group below a root."""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.config.reading import Config
from edge.doctor.check import Context, Result, fail, ok, warn
from edge.errors import MaskEdgeError
from edge.host.access import join_group, may_use
from edge.host.board import read_text
from edge.inference.coral.sysfs import find_devices


class AccountError(MaskEdgeError, LookupError):
    """The user that the service runs as does not exist."""


@dataclass(frozen=True, slots=True)
class User:
    """groups: name -> number of all that it is in, by the group database. service: the system service runs as it."""

    name: str
    uid: int
    groups: Mapping[str, int]
    service: bool

    def may_open(self, path: Path) -> bool:
        """For reading and writing. Of this process's own user the kernel is asked, which also knows of access lists."""
        if self.uid == os.geteuid():
            return may_use(path)
        status = path.stat()
        if self.uid == 0:
            return True
        if self.uid == status.st_uid:
            wanted = stat.S_IRUSR | stat.S_IWUSR
        else:
            wanted = (
                stat.S_IRGRP | stat.S_IWGRP
                if status.st_gid in self.groups.values()
                else stat.S_IROTH | stat.S_IWOTH
            )
        return status.st_mode & wanted == wanted


def find_user(context: Context) -> User:
    """The service's, or without a service the one who asks. Raises AccountError."""
    service = context.service.get("LoadState") == "loaded"
    name = (context.service.get("User") or "root") if service else _own_name()
    entry = next((fields for fields in _database(context.root, "passwd") if fields[0] == name), None)
    if entry is None and not service:
        entry = [name, "", str(os.geteuid()), str(os.getegid())]
    if entry is None:
        raise AccountError(f"the service's user {name} does not exist; install again: `sudo ./setup.sh`")
    groups = {
        fields[0]: int(fields[2])
        for fields in _database(context.root, "group")
        if name in fields[3].split(",") or fields[2] == entry[3]
    }
    return User(name, int(entry[2]), groups, service)


def check_groups(context: Context) -> Result:
    """The user is in the groups that what is configured needs. A group that the system does not have is not missed."""
    user = find_user(context)
    who = f"{user.name} (the service's user)" if user.service else user.name
    if user.uid == 0:
        return ok(f"{who} may open everything")
    needed = groups_needed(context)
    existing = {fields[0] for fields in _database(context.root, "group")}
    missing = [group for group in needed if group in existing and group not in user.groups]
    if missing:
        reasons = ", ".join(f"{group} (for the {needed[group]})" for group in missing)
        after = "`sudo systemctl restart mask-edge`" if user.service else "log in again"
        verdict = (
            fail if user.service else warn
        )  # a person at the desktop may have the camera without the group
        return verdict(f"{who} is not in {reasons}", join_group(",".join(missing), user.name, after))
    late = [
        group
        for group in needed
        if group in user.groups and user.uid == os.geteuid() and user.groups[group] not in os.getgroups()
    ]
    if late:
        return warn(f"{who} was put into {', '.join(late)} after logging in", "log out and in again")
    return ok(f"{who} is in {', '.join(needed)}" if needed else f"{who}: none needed")


def groups_needed(context: Context) -> dict[str, str]:
    """Group -> what for, as udev on Raspberry Pi OS hands out the devices."""
    config = context.config
    needed = {}
    if is_camera(config):
        needed["video"] = "camera"
    if config.gpio.configured and config.gpio.factory != "mock":
        needed["gpio"] = "lamps"
    if config.screen.device not in ("", "dummy"):
        needed["i2c" if config.screen.on_i2c else "spi"] = "screen"
        if not config.screen.on_i2c:
            needed["gpio"] = "lamps and the screen" if "gpio" in needed else "screen"
    if config.accelerator.use != "cpu" and any(
        device.bus == "usb" for device in find_devices(context.root / "sys", context.root / "dev")
    ):
        needed["plugdev"] = "Coral"
    return needed


def is_camera(config: Config) -> bool:
    """A camera on this machine; not a stream or a file."""
    return re.match(r"picamera|usb:|/dev/", config.source.uri) is not None


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # in a container with any number as its user
        return str(os.geteuid())


def _database(root: Path, name: str) -> list[list[str]]:
    """passwd(5) or group(5): lines of fields, at least four."""
    lines = (read_text(root / "etc" / name) or "").splitlines()
    return [
        fields for fields in (line.split(":") for line in lines) if len(fields) >= 4 and fields[2].isdecimal()
    ]
