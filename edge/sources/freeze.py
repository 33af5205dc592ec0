"""Notices a camera that gives the same picture again and again."""

from __future__ import annotations

import numpy as np

from edge.types import Frame, Pixels

STEP = 16
"""Every 16th pixel of every 16th row is compared: the noise of a working camera changes some of them."""

BLACK = 32
"""Brightness, 0..255. A frame with no pixel above it may be a dark room: it does not count as frozen."""


class FreezeWatch:
    """Compares each frame with the last one that was different."""

    def __init__(self, frozen_after_s: float) -> None:
        """frozen_after_s: seconds with the same picture, bit by bit, after which a camera is frozen."""
        self._frozen_after_s = frozen_after_s
        self._sample: Pixels | None = None
        self._changed_at = 0.0

    def is_frozen(self, frame: Frame) -> bool:
        """Whether the camera is frozen. After a yes the watch starts again."""
        sample = frame.pixels[::STEP, ::STEP]
        black = int(sample.max()) < BLACK  # the same in every picture of a dark room
        if black or self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._changed_at = sample.copy(), frame.captured_at
            return False
        frozen = frame.captured_at - self._changed_at >= self._frozen_after_s
        if frozen:
            self._sample = None
        return frozen
