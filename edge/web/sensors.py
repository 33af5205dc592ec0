"""The board's sensors for pages and metrics, read at most every few seconds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.host.board import FILE_SYSTEM, Sensors, read_sensors, resident_mb
from edge.host.watch import LOOK_EVERY_S


@dataclass(frozen=True, slots=True)
class Health:
    """What the board and the process say of themselves."""

    sensors: Sensors
    memory_mb: float | None
    """Resident memory of this process, MiB."""


class SensorCache:
    """Reads the sensors when somebody asks. root: see `edge.host.board`. clock: monotonic seconds."""

    def __init__(self, root: Path = FILE_SYSTEM, clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._read_at = -math.inf
        self._health = Health(Sensors(), None)

    def read(self) -> Health:
        """The newest reading, at most LOOK_EVERY_S seconds old."""
        now = self._clock()
        if now - self._read_at >= LOOK_EVERY_S:
            self._read_at = now
            self._health = Health(read_sensors(self._root), resident_mb(self._root))
        return self._health
