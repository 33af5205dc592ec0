"""Opens a display: luma's drivers behind one small class, and errors with a cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, MissingLibraryError, SinkError
from edge.host.access import may_use, no_permission
from edge.sinks.gpio.pins import explained, open_factory
from edge.sinks.screen.config import OLEDS, ScreenConfig

DEVICES = Path("/dev")
DISPLAY_OFF = 0xAE
"""A command that every SSD13xx and SH1106 knows: sent to find out whether one answers."""


class Display:
    """A luma device. Each method may raise OSError when the display is lost."""

    size: tuple[int, int]
    """Width and height, px, after the rotation."""

    mode: str
    """`1` (one colour) or `RGB`, as Pillow names them."""

    def __init__(self, device: Any, release: Callable[[], None]) -> None:
        self._device, self._release = device, release
        self.size, self.mode = device.size, device.mode

    def draw(self, image: Any) -> None:
        self._luma(self._device.display, image)

    def show(self) -> None:
        self._luma(self._device.show)

    def hide(self) -> None:
        self._luma(self._device.hide)

    def close(self) -> None:
        self._device.persist = False  # else luma leaves the last words on an LCD
        try:
            self._luma(self._device.cleanup)
        except OSError:
            pass  # the display is lost already
        self._release()

    @property
    def image(self) -> Any:
        """The image that a dummy shows."""
        return self._device.image

    @staticmethod
    def _luma(call: Callable[..., None], *arguments: Any) -> None:
        from luma.core.error import Error

        try:
            call(*arguments)
        except Error as error:
            raise OSError(str(error)) from error


def open_display(config: ScreenConfig) -> Display:
    """The configured display, set up and dark.

    Raises MissingLibraryError, SinkError, or ConfigError for a size that this display does not have.
    """
    try:
        return _open(config)
    except ImportError as error:
        raise MissingLibraryError(
            f"screen: {error.name or 'luma'} is not installed",
            "`sudo apt install python3-luma.oled python3-luma.lcd`, "
            "or away from a Pi `pip install 'mask-edge[screen]'`",
        ) from error


def _open(config: ScreenConfig) -> Display:
    width, height = config.size
    if config.device == "dummy":
        from luma.core.device import dummy

        return Display(dummy(width, height, config.rotate, "1" if height <= 64 else "RGB"), lambda: None)
    pins = HeaderPins()
    with ExitStack() as stack:
        stack.callback(pins.cleanup)
        serial = _open_i2c(config) if config.on_i2c else _open_spi(config, pins)
        stack.callback(serial.cleanup)
        device = _set_up(config, serial, pins)
        return Display(device, stack.pop_all().close)


def _set_up(config: ScreenConfig, serial: Any, pins: HeaderPins) -> Any:
    """luma's driver; opening it sends the settings to the display."""
    import luma.core.error

    driver, options = _oled(config) if config.device in OLEDS else _lcd(config, pins)
    width, height = config.size
    try:
        return driver(serial, width=width, height=height, rotate=config.rotate, **options)
    except luma.core.error.DeviceDisplayModeError as error:
        raise ConfigError(
            f"screen: {config.device}: {error}", "check [screen] device, width and height"
        ) from error
    except (luma.core.error.Error, OSError) as error:
        raise SinkError(f"screen: {config.device} cannot be set up ({error})", "check its wires") from error


def _oled(config: ScreenConfig) -> tuple[Any, dict[str, Any]]:
    from luma.oled import device

    return getattr(device, config.device), {}


def _lcd(config: ScreenConfig, pins: HeaderPins) -> tuple[Any, dict[str, Any]]:
    from luma.lcd import device

    options = {"gpio": pins, "gpio_LIGHT": config.backlight, "active_low": False}
    if config.device == "st7735":
        options |= {
            "h_offset": config.h_offset,
            "v_offset": config.v_offset,
            "bgr": config.bgr,
            "inverse": config.inverse,
        }
    return getattr(device, config.device), options


def _open_i2c(config: ScreenConfig) -> Any:
    from luma.core.error import Error
    from luma.core.interface.serial import i2c

    path = DEVICES / f"i2c-{config.i2c_port}"
    _require_bus(path, "i2c")
    with _bus_explained(path):
        serial = i2c(port=config.i2c_port, address=config.i2c_address)
    try:
        serial.command(DISPLAY_OFF)
    except (Error, OSError) as error:
        serial.cleanup()
        raise SinkError(
            f"screen: nothing answers at address 0x{config.i2c_address:02X} of {path}",
            f"check the wires; `i2cdetect -y {config.i2c_port}` lists the addresses that answer",
        ) from error
    return serial


def _open_spi(config: ScreenConfig, pins: HeaderPins) -> Any:
    from luma.core.interface.serial import spi

    path = DEVICES / f"spidev{config.spi_port}.{config.spi_device}"
    _require_bus(path, "spi")
    with _bus_explained(path):
        return spi(
            gpio=pins,
            port=config.spi_port,
            device=config.spi_device,
            gpio_DC=config.dc,
            gpio_RST=config.reset,
        )


@contextmanager
def _bus_explained(path: Path) -> Iterator[None]:
    from luma.core.error import Error

    try:
        yield
    except SinkError:
        raise
    except (Error, OSError) as error:
        raise SinkError(f"screen: {path} cannot be opened ({error})") from error


def _require_bus(path: Path, bus: str) -> None:
    """Raises SinkError where the bus is off, or this process may not use it."""
    if not path.exists():
        raise SinkError(
            f"screen: no {path}",
            f"switch the bus on with `sudo raspi-config nonint do_{bus} 0`, then reboot",
        )
    if not may_use(path):
        raise SinkError(*no_permission(path, bus, "screen"))


class HeaderPins:
    """The calls of RPi.GPIO that luma makes, done by gpiozero: RPi.GPIO does not work on a Pi 5.

    Pin 0 means that it is not wired.
    """

    LOW, HIGH, OUT = 0, 1, "out"

    def __init__(self) -> None:
        self._devices: dict[int, Any] = {}

    def setup(self, pin: int, direction: str, initial: int = 0) -> None:
        if pin and pin not in self._devices:
            factory = open_factory("auto")
            from gpiozero import OutputDevice

            with explained():
                self._devices[pin] = OutputDevice(pin, initial_value=bool(initial), pin_factory=factory)

    def output(self, pin: int, level: int) -> None:
        if pin in self._devices:
            self._devices[pin].value = bool(level)

    def cleanup(self, pins: object = None) -> None:
        for device in self._devices.values():
            device.off()  # also the backlight
            device.close()
        self._devices.clear()
