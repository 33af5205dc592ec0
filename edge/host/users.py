"""The user of the door's program, and what that user may open, from /etc/passwd and /etc/group."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskEdgeError
from edge.host.access import join_group, may_use
from edge.host.board import read_text
from edge.host.findings import Finding, fail
from edge.host.machine import Machine


class AccountError(MaskEdgeError, LookupError):
    """The user that the service runs as does not exist."""


@dataclass(frozen=True, slots=True)
class User:
    """The user that the door's program runs as."""

    name: str
    uid: int
    groups: Mapping[str, int]
    """Name -> number of each group that the user is in, by the group database."""
    service: bool
    """Whether the system service runs as this user."""

    def may_open(self, path: Path) -> bool:
        """Whether the user may read and write a device file.

        For the user of this process the kernel is asked, which also knows access control lists.
        """
        if self.uid == os.geteuid():
            return may_use(path)
        status = path.stat()
        if self.uid == 0:
            return True
        if self.uid == status.st_uid:
            wanted = stat.S_IRUSR | stat.S_IWUSR
        elif status.st_gid in self.groups.values():
            wanted = stat.S_IRGRP | stat.S_IWGRP
        else:
            wanted = stat.S_IROTH | stat.S_IWOTH
        return status.st_mode & wanted == wanted

    def locked_out(self, device: Path, group: str) -> Finding:
        """The failure that the user may not open a device file of a group."""
        cure = join_group(group, self.name, "log in again or restart the service")
        return fail(f"{self.name} may not open /dev/{device.name}", cure)


def find_user(machine: Machine) -> User:
    """The service's user; without a service, the user of this process. Raises AccountError."""
    service = machine.service.get("LoadState") == "loaded"
    name = (machine.service.get("User") or "root") if service else _own_name()
    entry = next((fields for fields in _database(machine.root, "passwd") if fields[0] == name), None)
    if entry is None and not service:
        entry = [name, "", str(os.geteuid()), str(os.getegid())]
    if entry is None:
        raise AccountError(f"the service's user {name} does not exist", "install again: `sudo ./setup.sh`")
    groups = {
        fields[0]: int(fields[2])
        for fields in _database(machine.root, "group")
        if name in fields[3].split(",") or fields[2] == entry[3]
    }
    return User(name, int(entry[2]), groups, service)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run with a number that has no name
        return str(os.geteuid())


def groups_of_system(root: Path) -> set[str]:
    """The names of all groups."""
    return {fields[0] for fields in _database(root, "group")}


def _database(root: Path, name: str) -> list[list[str]]:
    """The fields of each line of passwd(5) or group(5) that has at least four."""
    lines = (read_text(root / "etc" / name) or "").splitlines()
    return [
        fields for fields in (line.split(":") for line in lines) if len(fields) >= 4 and fields[2].isdecimal()
    ]
