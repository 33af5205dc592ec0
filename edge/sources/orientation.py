"""Bringing a picture upright: what of it the camera does itself, and what is left for us."""

from __future__ import annotations

from dataclasses import dataclass

from edge.optional import import_cv2
from edge.types import Pixels

ROTATIONS = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class Orientation:
    """Mirror left and right (`hflip`), then top and bottom (`vflip`), then turn a quarter clockwise: every upright picture is one of these eight."""

    hflip: bool = False
    vflip: bool = False
    quarter_turn: bool = False

    @classmethod
    def of(cls, hflip: bool = False, vflip: bool = False, rotation: int = 0) -> Orientation:
        """From flips, and then a rotation of 0, 90, 180 or 270 degrees clockwise. Raises ValueError for another angle."""
        if rotation not in ROTATIONS:
            raise ValueError(f"rotation {rotation} is not one of {ROTATIONS}")
        half_turn = rotation >= 180  # half a turn is both flips, and a turn by 270 is a quarter more
        return cls(hflip != half_turn, vflip != half_turn, rotation in (90, 270))

    def remaining(self, hflip: bool, vflip: bool) -> Orientation:
        """What is left to do once the camera has flipped the picture itself, as these two say."""
        return Orientation(self.hflip != hflip, self.vflip != vflip, self.quarter_turn)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after the turn; and before it, for a size that is wanted after it."""
        return (height, width) if self.quarter_turn else (width, height)

    def apply(self, pixels: Pixels) -> Pixels:
        """uint8 (H, W, 3) in; uint8 (H, W, 3) or, turned, (W, H, 3) out. Without anything to do, the same array."""
        cv2 = import_cv2()
        if self.hflip or self.vflip:
            pixels = cv2.flip(pixels, -1 if self.hflip and self.vflip else 1 if self.hflip else 0)
        return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE) if self.quarter_turn else pixels
