"""The table `[gpio]`: which output is on which pin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.config.option import option
from edge.errors import ConfigError
from edge.host.header import require_header_pins

OUTPUTS = ("led", "red", "amber", "green", "rgb", "buzzer", "relay")
PATTERNS = ("steady", "slow", "fast", "off")


@dataclass(frozen=True, slots=True)
class GpioConfig:
    """Lamps, a buzzer and a relay on the Pi's header.

    Pins are GPIO (BCM) numbers: GPIO 17 is pin 11 of the header. 0 or empty: there is none.
    """

    led: int = option(0, "GPIO of one lamp of any colour", 0)
    red: int = option(0, "GPIO of the red lamp of a set: deny", 0)
    amber: int = option(0, "GPIO of the amber lamp of a set: uncertain", 0)
    green: int = option(0, "GPIO of the green lamp of a set: pass", 0)
    rgb: str = option("", 'GPIO numbers of red, green and blue of an RGB LED, as in "5,6,13"')
    buzzer: int = option(0, "GPIO of an active buzzer: one beep for pass, three for deny", 0)
    relay: int = option(0, "GPIO of a relay, for a door opener or similar; see relay_max_on_s", 0)
    relay_on: str = option(
        "pass", "the decision that closes the relay: pass or deny", choices=("pass", "deny")
    )
    relay_max_on_s: float = option(
        5.0,
        "seconds that the relay stays closed, at most; it closes again only after the decision has changed",
        0.1,
        600,
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
        3.0,
        "seconds without a decision (the loop hangs) after which lamps show uncertain and the relay opens",
        0.5,
        60,
    )
    factory: str = option(
        "auto",
        "auto (the pins of this Pi), or mock (no pins: the log says what they would do)",
        choices=("auto", "mock"),
    )

    def __post_init__(self) -> None:
        names = self.low_outputs()
        if unknown := names - set(OUTPUTS):
            raise ConfigError(
                f"gpio.active_low names {sorted(unknown)[0]!r}, which is not one of all, {', '.join(OUTPUTS)}"
            )
        require_header_pins("gpio", self.pins())

    @property
    def configured(self) -> bool:
        """Whether anything is on a pin."""
        return any(True for _ in self.pins())

    def pins(self) -> Iterator[tuple[str, int]]:
        """(output, GPIO number) of every configured pin; an RGB LED has three.

        Raises ConfigError where `rgb` is not three numbers.
        """
        for name in OUTPUTS:
            if name == "rgb":
                yield from (("rgb", pin) for pin in self.rgb_pins())
            elif pin := getattr(self, name):
                yield name, pin

    def rgb_pins(self) -> tuple[int, ...]:
        """GPIO numbers of red, green and blue; empty without an RGB LED. Raises ConfigError."""
        parts = [part.strip() for part in self.rgb.split(",")] if self.rgb.strip() else []
        if parts and (len(parts) != 3 or not all(part.isdecimal() for part in parts)):
            raise ConfigError(f'gpio.rgb = "{self.rgb}" is not three GPIO numbers, as in "5,6,13"')
        return tuple(int(part) for part in parts)

    def low_outputs(self) -> set[str]:
        """Names of the outputs that are on while their pin is low."""
        names = {part.strip() for part in self.active_low.split(",")} - {""}
        return (names - {"all"}) | set(OUTPUTS) if "all" in names else names
