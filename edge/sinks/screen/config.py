"""The table `[screen]`: which display, on which bus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.config.option import option
from edge.host.header import require_header_pins

OLEDS = ("ssd1306", "ssd1309", "sh1106")
LCDS = ("st7735", "st7789")
SIZES = {"st7735": (160, 128), "st7789": (240, 240)}
"""Default width and height, px; those of an OLED are 128x64."""

LARGEST_PX = 4096
"""No such screen is larger; each picture takes memory."""


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """A small OLED or LCD with big words for the person at the door.

    OLEDs sit on I2C and LCDs on SPI, unless `bus` says otherwise.
    """

    device: str = option(
        "",
        ", ".join((*OLEDS, *LCDS)) + ", dummy (no screen: the log says what it would show); empty: off",
        choices=("", *OLEDS, *LCDS, "dummy"),
    )
    width: int = option(0, "px; 0: 128 for an OLED, 160 for an ST7735, 240 for an ST7789", 0, LARGEST_PX)
    height: int = option(0, "px; 0: 64 for an OLED, 128 for an ST7735, 240 for an ST7789", 0, LARGEST_PX)
    rotate: int = option(0, "quarter turns: 0, 1, 2, 3", choices=(0, 1, 2, 3))
    bus: str = option("auto", "auto, i2c or spi", choices=("auto", "i2c", "spi"))
    i2c_port: int = option(1, "number of the I2C bus: 1 is /dev/i2c-1", 0)
    i2c_address: int = option(0x3C, "60 is 0x3C, which most OLEDs have; some have 0x3D", 3)
    spi_port: int = option(0, "number of the SPI bus: 0 is /dev/spidev0.0", 0)
    spi_device: int = option(0, "chip select of the SPI bus: 0 is /dev/spidev0.0", 0)
    dc: int = option(24, "GPIO of the SPI screen's data/command pin", 2)
    reset: int = option(25, "GPIO of the SPI screen's reset pin", 2)
    backlight: int = option(0, "GPIO of an LCD's backlight; 0: wired to 3.3 V", 0)
    h_offset: int = option(
        0,
        "px, ST7735: first column of the chip's memory; try 1 and 26 if the picture has a coloured edge",
        0,
    )
    v_offset: int = option(0, "px, ST7735: first row of the chip's memory", 0)
    bgr: bool = option(False, "ST7735: true if red and blue are swapped")
    inverse: bool = option(False, "ST7735: true if black and white are swapped")
    blank_after_s: float = option(
        600.0,
        "seconds with nobody in view after which the screen goes dark, because OLEDs burn in; 0: never",
        0,
    )

    def __post_init__(self) -> None:
        require_header_pins("screen", self.pins())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        width, height = SIZES.get(self.device, (128, 64))
        return self.width or width, self.height or height

    @property
    def on_i2c(self) -> bool:
        """Whether it is on an I2C bus; else on an SPI bus."""
        return self.bus == "i2c" or (self.bus == "auto" and self.device in OLEDS)

    def pins(self) -> Iterator[tuple[str, int]]:
        """(purpose, GPIO number) of every pin that it takes from the header."""
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
