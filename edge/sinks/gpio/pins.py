"""Opens the Pi's pins: finds the right chip, and turns errors into one line with a cure."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from edge.errors import MissingLibraryError, SinkError
from edge.host.access import may_use, no_permission

HEADER_CHIPS = ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1")
"""Labels of the header's chip: up to Pi 3 and Zero 2, Pi 4, Pi 5.

The chip's number differs between boards, and even between kernels.
"""

DEVICES = Path("/dev")
INSTALL = (
    "`sudo apt install python3-gpiozero python3-lgpio`, or away from a Pi `pip install 'mask-edge[gpio]'`"
)
MOCK_HINT = '[gpio] factory = "mock" runs without pins'
BUSY_HINT = (
    "another program has the pin: `sudo systemctl stop mask-edge` if it is the service; "
    "`gpioinfo` names the user"
)


def open_factory(kind: str) -> Any:
    """gpiozero's pin factory: `mock`, or the pins of this machine (`auto`).

    None where GPIOZERO_PIN_FACTORY is set: gpiozero then takes the factory that it names.
    Raises MissingLibraryError without gpiozero or lgpio, SinkError where there are no pins or no permission.
    """
    try:
        from gpiozero import Device
        from gpiozero.pins.mock import MockFactory
    except ImportError as error:
        raise MissingLibraryError("gpio: gpiozero is not installed", INSTALL) from error
    if kind == "mock":
        return MockFactory()
    if Device.pin_factory is None and "GPIOZERO_PIN_FACTORY" not in os.environ:
        # One factory for all: two would fight over the chip. gpiozero closes it when the program ends.
        with explained():
            Device.pin_factory = _lgpio_factory()
    return Device.pin_factory


@contextmanager
def explained() -> Iterator[None]:
    """Turns an error of gpiozero or lgpio into a SinkError with a cure."""
    try:
        yield
    except (SinkError, MissingLibraryError):
        raise
    except Exception as error:  # lgpio.error is a bare Exception, and gpiozero passes it on
        text = str(error).strip("'")
        busy = "busy" in text or "in use" in text
        raise SinkError(f"gpio: {text or type(error).__name__}", BUSY_HINT if busy else MOCK_HINT) from error


def _lgpio_factory() -> Any:
    chips = sorted(DEVICES.glob("gpiochip*"))
    if not chips:
        raise SinkError("gpio: no /dev/gpiochip*, so this machine has no pins", MOCK_HINT)
    try:
        with chdir(_lgpio_folder()):
            import lgpio
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as error:
        raise MissingLibraryError("gpio: lgpio is not installed", INSTALL) from error
    factory = LGPIOFactory(chip=header_chip(lgpio, chips))
    factory.pin_class = _steady_pin(lgpio, factory.pin_class)
    return factory


def _steady_pin(lgpio: Any, pin_class: Any) -> Any:
    """A pin that becomes an output with its level already set.

    gpiozero's LGPIOPin makes it an output at low first, and then sets the level: an output that is active low
    would go on for a moment, and a relay might click.
    """

    class SteadyPin(pin_class):  # type: ignore[misc]
        def output_with_state(self, state: bool) -> None:
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(bool(state)))

    return SteadyPin


def _lgpio_folder() -> str:
    """A folder for the pipe that lgpio makes at import.

    It makes it in the working directory, or in LG_WD, to which it then changes.
    """
    given = os.environ.get("LG_WD")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return given
    folder = os.environ["LG_WD"] = tempfile.mkdtemp(prefix="mask-edge-lgpio-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def header_chip(lgpio: Any, chips: list[Path]) -> int:
    """The number of the header's chip, found by its label. Raises SinkError."""
    labels = []
    for path in chips:
        if not may_use(path):
            raise SinkError(*no_permission(path, "gpio", "gpio"))
        number = int(path.name.removeprefix("gpiochip"))
        handle = lgpio.gpiochip_open(number)
        try:
            label = lgpio.gpio_get_chip_info(handle)[3]
        finally:
            lgpio.gpiochip_close(handle)
        if label in HEADER_CHIPS:
            return number
        labels.append(f"{path.name} {label}")
    raise SinkError(f"gpio: no chip here is the header of a Raspberry Pi ({', '.join(labels)})", MOCK_HINT)
