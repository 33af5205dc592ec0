"""The lamps, buzzer and relay as a kind of sink: how they are switched on, opened and checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from edge.host.findings import Finding, fail, ok
from edge.host.machine import Machine
from edge.host.users import find_user
from edge.optional import installed
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.retry import RetryingSink

log = logging.getLogger(__name__)

DEFAULT_WIRING = (17, 27, 22)
"""GPIO of red, amber and green: `--sink gpio` and `gpio-test` take these if no pin is configured."""


def _is_on(config: GpioConfig) -> bool:
    return config.configured


def _build(config: GpioConfig, door: Surroundings) -> Sink:
    from edge.sinks.gpio.sink import GpioSink

    return RetryingSink("gpio", lambda: GpioSink(config))


def _switch_on(config: GpioConfig) -> GpioConfig:
    if config.configured:
        return config
    red, amber, green = DEFAULT_WIRING
    log.info(
        "gpio: no pin is configured; taking red GPIO %d, amber GPIO %d, green GPIO %d", red, amber, green
    )
    return replace(config, red=red, amber=amber, green=green)


def _pins(config: GpioConfig) -> Iterable[tuple[str, int]]:
    return config.pins()


def _groups(config: GpioConfig) -> Mapping[str, str]:
    return {"gpio": "lamps"} if config.configured and config.factory != "mock" else {}


def check(config: GpioConfig, machine: Machine) -> Finding:
    """Whether the header's chip is there, the user may use it, and the libraries are installed.

    No pin is touched.
    """
    if not config.configured:
        return ok("no lamp is configured")
    if config.factory == "mock":
        return ok("mock: the log says what the lamps would do")
    chips = sorted((machine.root / "dev").glob("gpiochip*"))
    if not chips:
        return fail(
            "no /dev/gpiochip*: this machine has no pins",
            'remove the table [gpio] from the configuration, or set factory = "mock" in it',
        )
    missing = [library for library in ("gpiozero", "lgpio") if not installed(library)]
    if missing:
        return fail(
            f"{' and '.join(missing)} not installed", "sudo apt install python3-gpiozero python3-lgpio"
        )
    user = find_user(machine)
    closed = next((chip for chip in chips if not user.may_open(chip)), None)
    if closed is not None:
        return user.locked_out(closed, "gpio")
    pins = ", ".join(f"{name} GPIO {pin}" for name, pin in config.pins())
    return ok(f"{', '.join(chip.name for chip in chips)}: {pins}; `python -m edge gpio-test` lights them")


KIND = SinkKind("gpio", GpioConfig, _is_on, _build, _switch_on, pins=_pins, groups=_groups, check=check)
