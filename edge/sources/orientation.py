"""Brings a frame upright: which part of that the camera does itself, and what is left for us."""

from __future__ import annotations

from dataclasses import dataclass

from edge.optional import import_cv2
from edge.types import Pixels

ROTATIONS = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class Orientation:
    """Flips, then a quarter turn clockwise: one of these eight makes every frame upright."""

    hflip: bool = False
    """Mirror left and right."""
    vflip: bool = False
    """Mirror top and bottom."""
    quarter_turn: bool = False
    """Turn clockwise by 90 degrees, after the flips."""

    @classmethod
    def of(cls, hflip: bool = False, vflip: bool = False, rotation: int = 0) -> Orientation:
        """From flips, and then a rotation of 0, 90, 180 or 270 degrees clockwise.

        Raises ValueError for another angle.
        """
        if rotation not in ROTATIONS:
            raise ValueError(f"rotation {rotation} is not one of {ROTATIONS}")
        half_turn = rotation >= 180  # half a turn is both flips; 270 degrees are half a turn and a quarter
        return cls(hflip != half_turn, vflip != half_turn, rotation in (90, 270))

    def remaining(self, hflip: bool, vflip: bool) -> Orientation:
        """What is left to do once the camera has flipped the frame itself, as these two say."""
        return Orientation(self.hflip != hflip, self.vflip != vflip, self.quarter_turn)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after the turn, of those before it; or before the turn, of those after it."""
        return (height, width) if self.quarter_turn else (width, height)

    def apply(self, pixels: Pixels) -> Pixels:
        """uint8 (H, W, 3) in; uint8 (H, W, 3) or, turned, (W, H, 3) out. It may be the same array."""
        cv2 = import_cv2()
        if self.hflip or self.vflip:
            pixels = cv2.flip(pixels, -1 if self.hflip and self.vflip else 1 if self.hflip else 0)
        return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE) if self.quarter_turn else pixels
