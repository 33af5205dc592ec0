"""Whether this process may use a device file, and what to do where it may not."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import Advice


def may_use(path: Path) -> bool:
    """Whether this process may read and write a device file."""
    return os.access(path, os.R_OK | os.W_OK)


def no_permission(path: Path | str, group: str, who: str = "") -> Advice:
    """For a device file that only members of `group` may use. who: the part that wanted it, as in `usb:0`."""
    prefix = f"{who}: " if who else ""
    return Advice(f"{prefix}no permission for {path}", join_group(group))


def join_group(groups: str, user: str = "$USER", then: str = "log in again") -> str:
    """The cure. groups: one, or several with commas between. then: when it takes effect."""
    return f"`sudo usermod -aG {groups} {user}`, then {then}"
