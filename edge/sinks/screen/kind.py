"""The small screen as a kind of sink: how it is switched on, opened and checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from edge.host.findings import Finding, fail, ok
from edge.host.machine import Machine
from edge.host.users import find_user
from edge.optional import installed
from edge.sinks.base import BackgroundSink, Sink, SinkKind, Surroundings
from edge.sinks.retry import RetryingSink
from edge.sinks.screen.config import OLEDS, ScreenConfig

log = logging.getLogger(__name__)


def _is_on(config: ScreenConfig) -> bool:
    return bool(config.device)


def _build(config: ScreenConfig, door: Surroundings) -> Sink:
    from edge.sinks.screen.sink import ScreenSink

    return BackgroundSink(RetryingSink("screen", lambda: ScreenSink(config)))


def _switch_on(config: ScreenConfig) -> ScreenConfig:
    if config.device:
        return config
    log.info("screen: none is configured; taking an ssd1306 of 128x64 at address 0x3C of the I2C bus")
    return replace(config, device="ssd1306")


def _pins(config: ScreenConfig) -> Iterable[tuple[str, int]]:
    return config.pins()


def _groups(config: ScreenConfig) -> Mapping[str, str]:
    if config.device in ("", "dummy"):
        return {}
    return {"i2c": "screen"} if config.on_i2c else {"spi": "screen", "gpio": "screen"}


def check(config: ScreenConfig, machine: Machine) -> Finding:
    """Whether the bus is on, the user may use it, and the library is installed.

    Nothing is sent over the bus.
    """
    if config.device in ("", "dummy"):
        return ok("dummy: the log says what it would show" if config.device else "no screen is configured")
    bus, path = "i2c" if config.on_i2c else "spi", machine.root / _device(config)
    if not path.exists():
        return fail(
            f"{config.device}: no /dev/{path.name}: the bus is off",
            f"`sudo raspi-config nonint do_{bus} 0`, then reboot",
        )
    library = "luma.oled" if config.device in OLEDS else "luma.lcd"
    if not installed(library):
        return fail(f"{library} is not installed", f"sudo apt install python3-{library}")
    user = find_user(machine)
    return ok(f"{config.device} on /dev/{path.name}") if user.may_open(path) else user.locked_out(path, bus)


def _device(config: ScreenConfig) -> Path:
    """The bus's device file, below the root."""
    if config.on_i2c:
        return Path(f"dev/i2c-{config.i2c_port}")
    return Path(f"dev/spidev{config.spi_port}.{config.spi_device}")


KIND = SinkKind("screen", ScreenConfig, _is_on, _build, _switch_on, pins=_pins, groups=_groups, check=check)
