"""Watches the board while the door works: heat and a weak supply are the most frequent faults of a Pi."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from edge.host.board import FILE_SYSTEM, Sensors, read_sensors, resident_mb

log = logging.getLogger(__name__)

HOT_C, COOL_C = 80.0, 75.0
"""Degrees Celsius: too hot from the first on, cooled down below the second.

A Pi slows itself down from 80 degrees on (Raspberry Pi documentation, frequency management).
"""

COOLING = "give it a heat sink or a fan, and shade"

LOOK_EVERY_S = 5.0
"""Seconds between two readings of the sensors."""


class BoardWatch:
    """Says once when the processor gets too hot or the voltage too low, and once when that is over.

    The voltage's alarm covers 2 s, of five between two readings: a short dip may be missed here. The kernel's
    own log has them all. root: see `edge.host.board`.
    """

    def __init__(self, root: Path = FILE_SYSTEM) -> None:
        self._root = root
        self._looked_at = -math.inf
        self._now = Sensors()
        self._hot = self._weak = False
        self._seen: set[str] = set()

    def look(self, now: float) -> None:
        """Read the sensors, at most every `LOOK_EVERY_S`. now: seconds, monotonic."""
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at, self._now = now, read_sensors(self._root)
        self._watch_heat(self._now.temperature_c)
        self._watch_voltage(bool(self._now.under_voltage))
        if self._now.throttled:
            self._seen.add("throttled")

    def take(self) -> list[str]:
        """For a summary: `54 C`, `143 MB`; and `throttled`, `under-voltage` if seen since the last call."""
        celsius, memory = self._now.temperature_c, resident_mb(self._root)
        parts = [] if celsius is None else [f"{celsius:.0f} C"]
        parts += sorted(self._seen)
        self._seen.clear()
        return parts if memory is None else [*parts, f"{memory:.0f} MB"]

    def _watch_heat(self, celsius: float | None) -> None:
        if celsius is not None and not self._hot and celsius >= HOT_C:
            self._hot = True
            log.warning("the processor is too hot (%.0f C) and is slowed down; %s", celsius, COOLING)
        elif self._hot and (celsius is None or celsius < COOL_C):
            self._hot = False
            log.info("the processor has cooled down")

    def _watch_voltage(self, weak: bool) -> None:
        if weak:
            self._seen.add("under-voltage")
        if weak and not self._weak:
            log.warning("under-voltage: the supply or its cable is too weak; use the one made for this Pi")
        elif self._weak and not weak:
            log.info("the voltage is right again")
        self._weak = weak
