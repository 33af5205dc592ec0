"""The configuration of what people at the door see: lamps on GPIO pins, small screens, a window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.config.option import option

HEADER = {
    **{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21},
    **{25: 22, 11: 23, 8: 24, 7: 26, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40},
}
"""GPIO (BCM) number -> pin of the 40-pin header. GPIO 0 and 1 are left out: they are for the EEPROM of an add-on board."""

OUTPUTS = ("led", "red", "amber", "green", "rgb", "buzzer", "relay")
PATTERNS = ("steady", "slow", "fast", "off")


@dataclass(frozen=True, slots=True)
class GpioConfig:
    """Lamps, a buzzer and a relay on the Pi's header. Pins are GPIO (BCM) numbers: GPIO 17 is pin 11 of the header. 0 or empty: not there."""

    led: int = option(0, "one lamp of any colour", 0)
    red: int = option(0, "of a set of lamps: deny", 0)
    amber: int = option(0, "of a set of lamps: uncertain", 0)
    green: int = option(0, "of a set of lamps: pass", 0)
    rgb: str = option("", 'an RGB LED: the pins of red, green and blue, as in "5,6,13"')
    buzzer: int = option(0, "an active buzzer: one beep for pass, three for deny", 0)
    relay: int = option(0, "for a door opener or the like; it opens by itself, see relay_max_on_s", 0)
    relay_on: str = option(
        "pass", "the decision that closes the relay: pass or deny", choices=("pass", "deny")
    )
    relay_max_on_s: float = option(
        5.0, "the relay is closed so long at most, and not again before the decision has changed", 0.1
    )
    active_low: str = option(
        "",
        "outputs that are on while their pin is low: all, or some of "
        + ", ".join(OUTPUTS)
        + '; as in "relay, buzzer"',
    )
    pass_lamp: str = option(
        "steady", "how lamps show pass (green): steady, slow, fast (blinking) or off", choices=PATTERNS
    )
    deny_lamp: str = option("fast", "how lamps show deny (red)", choices=PATTERNS)
    uncertain_lamp: str = option("slow", "how lamps show uncertain (amber)", choices=PATTERNS)
    idle_lamp: str = option("off", "how lamps show idle (amber, or blue of an RGB LED)", choices=PATTERNS)
    stale_after_s: float = option(
        3.0, "if the loop hangs for so long, lamps show uncertain and the relay opens", 0.5
    )
    factory: str = option(
        "auto",
        "auto (the pins of this Pi), or mock (no pins: the log says what they would do)",
        choices=("auto", "mock"),
    )

    def __post_init__(self) -> None:
        names = self.low_outputs()
        if unknown := names - set(OUTPUTS):
            raise ValueError(
                f"gpio.active_low names {sorted(unknown)[0]!r}, which is not one of all, {', '.join(OUTPUTS)}"
            )
        check_header("gpio", self.pins())

    @property
    def configured(self) -> bool:
        """Whether anything is on a pin."""
        return any(True for _ in self.pins())

    def pins(self) -> Iterator[tuple[str, int]]:
        """(output, GPIO number) of all that is configured; an RGB LED gives three. Raises ValueError where `rgb` is not three numbers."""
        for name in OUTPUTS:
            if name == "rgb":
                yield from (("rgb", pin) for pin in self.rgb_pins())
            elif pin := getattr(self, name):
                yield name, pin

    def rgb_pins(self) -> tuple[int, ...]:
        """GPIO numbers of red, green and blue, or nothing."""
        parts = [part.strip() for part in self.rgb.split(",")] if self.rgb.strip() else []
        if parts and (len(parts) != 3 or not all(part.isdecimal() for part in parts)):
            raise ValueError(f'gpio.rgb = "{self.rgb}" is not three GPIO numbers, as in "5,6,13"')
        return tuple(int(part) for part in parts)

    def low_outputs(self) -> set[str]:
        """Names of the outputs that are on while their pin is low."""
        names = {part.strip() for part in self.active_low.split(",")} - {""}
        return (names - {"all"}) | set(OUTPUTS) if "all" in names else names


OLEDS = ("ssd1306", "ssd1309", "sh1106")
LCDS = ("st7735", "st7789")
SIZES = {"st7735": (160, 128), "st7789": (240, 240)}
"""width, height, px, where the configuration says nothing; OLEDs are 128x64."""


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """A small OLED or LCD with big words for the person at the door. OLEDs sit on I2C, LCDs on SPI, unless bus says otherwise."""

    device: str = option(
        "",
        ", ".join((*OLEDS, *LCDS)) + ", dummy (no screen: the log says what it would show); empty: off",
        choices=("", *OLEDS, *LCDS, "dummy"),
    )
    width: int = option(0, "px; 0: 128 of an OLED, 160 of an ST7735, 240 of an ST7789", 0)
    height: int = option(0, "px; 0: 64 of an OLED, 128 of an ST7735, 240 of an ST7789", 0)
    rotate: int = option(0, "quarter turns: 0, 1, 2, 3", choices=(0, 1, 2, 3))
    bus: str = option("auto", "auto, i2c or spi", choices=("auto", "i2c", "spi"))
    i2c_port: int = option(1, "of /dev/i2c-1", 0)
    i2c_address: int = option(0x3C, "60 is 0x3C, which most OLEDs have; some have 0x3D", 3)
    spi_port: int = option(0, "of /dev/spidev0.0", 0)
    spi_device: int = option(0, "of /dev/spidev0.0: which chip select", 0)
    dc: int = option(24, "GPIO of the SPI screen's data/command pin", 2)
    reset: int = option(25, "GPIO of the SPI screen's reset pin", 2)
    backlight: int = option(0, "GPIO of an LCD's backlight; 0: wired to 3.3 V", 0)
    h_offset: int = option(
        0,
        "px, ST7735: where the picture begins in the chip's memory; try 1 and 26 where there is a coloured edge",
        0,
    )
    v_offset: int = option(0, "px, the same downwards", 0)
    bgr: bool = option(False, "ST7735: true where red and blue are swapped")
    inverse: bool = option(False, "ST7735: true where black is white")
    blank_after_s: float = option(
        600.0, "nobody in view for so long: the screen goes dark, because OLEDs burn in; 0: never", 0
    )

    def __post_init__(self) -> None:
        check_header("screen", self.pins())

    @property
    def size(self) -> tuple[int, int]:
        """width, height, px."""
        width, height = SIZES.get(self.device, (128, 64))
        return self.width or width, self.height or height

    @property
    def on_i2c(self) -> bool:
        return self.bus == "i2c" or (self.bus == "auto" and self.device in OLEDS)

    def pins(self) -> Iterator[tuple[str, int]]:
        """(what for, GPIO number) of all that it takes from the header."""
        if self.device in ("", "dummy"):
            return
        if self.on_i2c:
            yield from (("i2c", 2), ("i2c", 3)) if self.i2c_port == 1 else ()
        else:
            yield from (("dc", self.dc), ("reset", self.reset))
            yield from (("backlight", self.backlight),) if self.backlight else ()
            yield from (
                (("spi", 10), ("spi", 11), ("spi", 7 if self.spi_device else 8)) if self.spi_port == 0 else ()
            )


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """A window on the desktop or an HDMI monitor. q, Esc or closing it ends the program."""

    show: bool = option(False, "open it; the same as --sink window")
    fullscreen: bool = option(False, "over the whole monitor")
    width: int = option(1280, "px of the picture, which the window scales", 320)
    height: int = option(720, "px", 240)


def check_header(table: str, pins: Iterable[tuple[str, int]]) -> None:
    """Raises ValueError where one of (key, GPIO number) is not on the header, or two are the same."""
    taken: dict[int, str] = {}
    for name, pin in pins:
        if pin not in HEADER:
            raise ValueError(
                f"{table}.{name} = {pin} is not a GPIO of the header; these are {', '.join(map(str, sorted(HEADER)))} (BCM numbers)"
            )
        if pin in taken:
            raise ValueError(
                f"{table}.{taken[pin]} and {table}.{name} are both GPIO {pin}; give each a pin of its own"
            )
        taken[pin] = name


def check_pins(gpio: GpioConfig, screen: ScreenConfig) -> None:
    """Raises ValueError where a lamp and a screen want the same pin."""
    lamps = {pin: name for name, pin in gpio.pins()}
    for name, pin in screen.pins():
        if pin in lamps:
            raise ValueError(
                f"gpio.{lamps[pin]} = {pin} is taken by the screen ({name}); give it another pin"
            )


DEFAULT_WIRING = (17, 27, 22)
"""Red, amber, green: what `--sink gpio` and `gpio-test` take where no pin is configured."""
