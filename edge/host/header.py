"""The 40-pin header of a Raspberry Pi: which GPIO numbers are on it."""

from __future__ import annotations

from collections.abc import Iterable

from edge.errors import ConfigError

HEADER = {
    **{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21},
    **{25: 22, 11: 23, 8: 24, 7: 26, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40},
}
"""GPIO (BCM) number -> pin of the header.

GPIO 0 and 1 are left out: they belong to the EEPROM of an add-on board.
"""


def require_header_pins(table: str, pins: Iterable[tuple[str, int]]) -> None:
    """Raises ConfigError where one of the GPIO numbers is not on the header, or two are the same.

    table: the name of the configuration table. pins: (key, GPIO number).
    """
    taken: dict[int, str] = {}
    for name, pin in pins:
        if pin not in HEADER:
            known = ", ".join(map(str, sorted(HEADER)))
            raise ConfigError(
                f"{table}.{name} = {pin} is not a GPIO of the header", f"these are {known} (BCM numbers)"
            )
        if pin in taken:
            raise ConfigError(
                f"{table}.{taken[pin]} and {table}.{name} are both GPIO {pin}", "give each a pin of its own"
            )
        taken[pin] = name
