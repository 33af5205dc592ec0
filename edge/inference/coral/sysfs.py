"""Coral Edge TPUs as the kernel shows them, without opening one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.errors import Advice
from edge.host.access import may_use, no_permission

SYS, DEV = Path("/sys"), Path("/dev")
USB_IDS = {("1a6e", "089a"): False, ("18d1", "9302"): True}
"""(vendor, product) -> has its firmware.

The stick changes its name when the library first opens it and loads the firmware.
"""

PCI_ID = ("0x1ac1", "0x089a")


@dataclass(frozen=True, slots=True)
class CoralDevice:
    """One Edge TPU."""

    bus: str
    """`usb` or `pcie`."""
    node: Path
    """Its device file, which may be missing."""
    firmware: bool = True
    """Whether its firmware is loaded."""
    speed: int = 0
    """Of its USB port, Mbit/s; 0 where it is not known."""

    def describe(self) -> str:
        """A few words for a person."""
        if self.bus == "pcie":
            return f"Coral on PCIe, {self.node}"
        port = f" at {self.speed} Mbit/s" if self.speed else ""
        return f"Coral USB stick{port}, {self.node}{'' if self.firmware else ', firmware not loaded yet'}"


def find_devices(sys: Path | None = None, dev: Path | None = None) -> list[CoralDevice]:
    """All Edge TPUs, USB first. sys, dev: where sysfs and the device files are, other folders in tests."""
    sys, dev = sys or SYS, dev or DEV
    return [*_usb(sys, dev), *_pcie(sys, dev)]


def access_problem(device: CoralDevice) -> Advice | None:
    """Why this process cannot open it; None where it can. Raises OSError where it vanishes meanwhile."""
    if not device.node.exists():
        return _no_node(device)
    if may_use(device.node):
        return None
    try:
        group = device.node.group()
    except KeyError:  # a number without a name
        group = str(device.node.stat().st_gid)
    if group == "root":
        return Advice(
            f"only root may open {device.node}: the udev rule is missing",
            "`sudo ./setup.sh --coral auto` writes it, then replug the stick",
        )
    return no_permission(device.node, group)


def _no_node(device: CoralDevice) -> Advice:
    if device.bus == "pcie":
        return Advice(
            f"a Coral on PCIe, but no {device.node}: its driver is not loaded",
            "install gasket-dkms, then `sudo modprobe apex`",
        )
    return Advice(
        f"the stick has no device file {device.node}",
        "is this a container or a sandbox without USB? give it the device",
    )


def _usb(sys: Path, dev: Path) -> Iterator[CoralDevice]:
    for entry in sorted((sys / "bus/usb/devices").glob("*")):
        identity = _read(entry / "idVendor"), _read(entry / "idProduct")
        if identity in USB_IDS:
            bus, number = _number(entry / "busnum"), _number(entry / "devnum")
            node = dev / f"bus/usb/{bus:03d}/{number:03d}"
            yield CoralDevice("usb", node, USB_IDS[identity], _number(entry / "speed"))


def _pcie(sys: Path, dev: Path) -> Iterator[CoralDevice]:
    entries = sorted((sys / "bus/pci/devices").glob("*"))
    found = [entry for entry in entries if (_read(entry / "vendor"), _read(entry / "device")) == PCI_ID]
    for number in range(len(found)):
        yield CoralDevice("pcie", dev / f"apex_{number}")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # the stick may go while we look
        return ""


def _number(path: Path) -> int:
    text = _read(path)
    return int(text) if text.isdigit() else 0
