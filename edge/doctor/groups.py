"""Is the user of the door's program in the groups that the configured devices need?"""

from __future__ import annotations

import os
from collections.abc import Mapping

from edge.doctor.check import Context
from edge.host.access import join_group
from edge.host.findings import Finding, fail, ok, warn
from edge.host.users import User, find_user, groups_of_system
from edge.inference.coral.sysfs import find_devices
from edge.sinks import kinds


def check_groups(context: Context) -> Finding:
    """Groups that the system does not have are left out."""
    user = find_user(context.machine)
    who = f"{user.name} (the service's user)" if user.service else user.name
    if user.uid == 0:
        return ok(f"{who} may open every device")
    needed = groups_needed(context)
    existing = groups_of_system(context.machine.root)
    missing = [group for group in needed if group in existing and group not in user.groups]
    if missing:
        return _missing(missing, needed, user, who)
    late = [group for group in needed if _joined_after_login(group, user)]
    if late:
        return warn(f"{who} was put into {', '.join(late)} after logging in", "log out and in again")
    return ok(f"{who} is in {', '.join(needed)}" if needed else f"{who}: none needed")


def _missing(groups: list[str], needed: Mapping[str, str], user: User, who: str) -> Finding:
    reasons = ", ".join(f"{group} (for the {needed[group]})" for group in groups)
    after = "`sudo systemctl restart mask-edge`" if user.service else "log in again"
    finding = fail if user.service else warn  # a person at the desktop may use the camera without the group
    return finding(f"{who} is not in {reasons}", join_group(",".join(groups), user.name, after))


def _joined_after_login(group: str, user: User) -> bool:
    """Whether the user is in the group by the group database, but this process is not."""
    return group in user.groups and user.uid == os.geteuid() and user.groups[group] not in os.getgroups()


def groups_needed(context: Context) -> dict[str, str]:
    """Group -> purpose, as the udev rules of Raspberry Pi OS give groups to devices."""
    config, root = context.config, context.machine.root
    needed = {"video": ["camera"]} if config.source.uri.is_camera else {}
    for kind in kinds.KINDS:
        for group, purpose in kind.groups(config.of(kind)).items():
            needed.setdefault(group, []).append(purpose)
    coral = find_devices(root / "sys", root / "dev") if config.accelerator.use != "cpu" else []
    if any(device.bus == "usb" for device in coral):
        needed["plugdev"] = ["Coral"]
    return {group: " and the ".join(purposes) for group, purposes in needed.items()}
