"""What is plugged in and configured: pins and the Coral."""

from __future__ import annotations

import subprocess

from edge.config.indicators import OLEDS
from edge.doctor.check import Context, Result, fail, ok, warn
from edge.doctor.service import is_running
from edge.doctor.software import last_json, model_paths, run_probe
from edge.doctor.users import find_user
from edge.host.access import join_group
from edge.inference.coral import advice
from edge.inference.coral.compiled import compiled_path
from edge.inference.coral.sysfs import CoralDevice, access_problem, find_devices
from edge.optional import installed

AFTER_JOINING = "log in again or restart the service"

CORAL_S = 45.0
"""The firmware, both models, and the 30 s after which the trial itself calls it hanging."""


def check_gpio(context: Context) -> Result:
    """The header's chip is there, the user may use it, and the libraries are installed. No pin is touched."""
    config = context.config.gpio
    if not config.configured:
        return ok("no lamp is configured")
    if config.factory == "mock":
        return ok("mock: the log says what the lamps would do")
    chips = sorted((context.root / "dev").glob("gpiochip*"))
    if not chips:
        return fail(
            "no /dev/gpiochip*: this machine has no pins",
            'take the [gpio] table out of the configuration, or set factory = "mock" there',
        )
    missing = [library for library in ("gpiozero", "lgpio") if not installed(library)]
    if missing:
        return fail(
            f"{' and '.join(missing)} not installed", "sudo apt install python3-gpiozero python3-lgpio"
        )
    user = find_user(context)
    closed = [chip.name for chip in chips if not user.may_open(chip)]
    if closed:
        return fail(
            f"{user.name} may not open /dev/{closed[0]}",
            join_group("gpio", user.name, AFTER_JOINING),
        )
    pins = ", ".join(f"{name} GPIO {pin}" for name, pin in config.pins())
    return ok(f"{', '.join(chip.name for chip in chips)}: {pins}; `python -m edge gpio-test` lights them")


def check_screen(context: Context) -> Result:
    """The bus of a small screen is on, the user may use it, and its library is installed. Nothing is sent over the bus."""
    config = context.config.screen
    if config.device in ("", "dummy"):
        return ok(
            "no screen is configured" if not config.device else "dummy: the log says what it would show"
        )
    bus = "i2c" if config.on_i2c else "spi"
    path = (
        context.root
        / "dev"
        / (f"i2c-{config.i2c_port}" if config.on_i2c else f"spidev{config.spi_port}.{config.spi_device}")
    )
    if not path.exists():
        return fail(
            f"{config.device}: no /dev/{path.name}: the bus is off",
            f"`sudo raspi-config nonint do_{bus} 0`, then reboot",
        )
    library = "luma.oled" if config.device in OLEDS else "luma.lcd"
    if not installed(library):
        return fail(f"{library} is not installed", f"sudo apt install python3-{library}")
    user = find_user(context)
    if not user.may_open(path):
        return fail(
            f"{user.name} may not open /dev/{path.name}",
            join_group(bus, user.name, AFTER_JOINING),
        )
    return ok(f"{config.device} on /dev/{path.name}")


def check_coral(context: Context) -> Result:
    """Sysfs and files; then, unless the service has it, a trial in a child process: only one program can open it."""
    use = context.config.accelerator.use
    devices = find_devices(context.root / "sys", context.root / "dev")
    if not devices:
        return (
            warn("configured as the accelerator, but none is there: the CPU does the work", advice.absent())
            if use == "edgetpu"
            else ok("none")
        )
    device = devices[0]
    if use == "cpu":
        return ok(f"{device.describe()}, not used: [accelerator] use is cpu")
    problem = access_problem(device)
    if problem:
        return from_text(problem)
    missing = [path for path in model_paths(context.config) if not compiled_path(path).is_file()]
    if missing:
        return from_text(f"{device.describe()}, but {advice.not_compiled(missing)}")
    if is_running(context.service):
        return ok(f"{device.describe()}; the service has it")
    return _try_coral(context, device)


def _try_coral(context: Context, device: CoralDevice) -> Result:
    """The door's own trial: library, compiled models, the CPU's answers, and speed."""
    try:
        answer = last_json(run_probe(context, "coral", CORAL_S).stdout)
    except subprocess.TimeoutExpired:
        return warn(
            f"{device.describe()}: no trial within {CORAL_S:.0f} s",
            "unplug it, wait a moment, plug it in again",
        )
    if "error" in answer:
        return warn(answer["error"], "put that right, then `python -m edge doctor` again")
    return ok(answer["text"]) if answer["in_use"] else from_text(answer["text"])


def from_text(text: str) -> Result:
    """A warning of the form `what is wrong; what to do`."""
    what, _, cure = text.partition("; ")
    return warn(what, cure)
