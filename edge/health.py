"""Can this picture be trusted? A covered, black or frozen camera must never say `pass`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.types import Frame, Pixels

STEP = 16
"""Every so many pixels are looked at: a thumbnail tells black from dark and frozen from still."""


@dataclass(slots=True)
class PictureHealth:
    """Watches the frames of one live source.

    black_level: mean brightness 0..255 below which a picture without contrast counts as black. frozen_after_s: pixel-identical for so
    long counts as frozen: a working camera's noise changes every frame.
    """

    black_level: float = 10.0
    flat_contrast: float = 4.0
    frozen_after_s: float = 5.0
    _last: Pixels | None = field(default=None)
    _changed_at: float = 0.0

    def problem(self, frame: Frame) -> str | None:
        """A few words on what is wrong with the picture, or None."""
        sample = frame.pixels[::STEP, ::STEP]
        if self._last is None or sample.shape != self._last.shape or not np.array_equal(sample, self._last):
            self._last, self._changed_at = sample.copy(), frame.captured_at
        if float(sample.mean()) < self.black_level and float(sample.std()) < self.flat_contrast:
            return "the picture is black: camera covered, or no light"
        if float(sample.std()) < self.flat_contrast / 4:
            return "the picture shows nothing: camera covered"
        if frame.captured_at - self._changed_at >= self.frozen_after_s:
            return "the picture is frozen"
        return None
