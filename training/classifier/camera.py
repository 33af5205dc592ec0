"""What a cheap camera makes of a face crop, for the classifier's training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.types import Pixels
from training.degradations import jpeg, light_unclipped, motion, noise, out_of_focus, shrink

Floats = npt.NDArray[np.float32]

FEWEST, MOST = 24, 80
"""The shorter side of a crop with few pixels, px."""


def camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Some of the effects, in the order in which a camera has them.

    pixels: uint8 (H, W, 3) RGB. Returns the same type; a crop with few pixels comes back smaller.
    """
    values = _light(pixels, rng) if rng.random() < 0.5 else pixels.astype(np.float32)
    side = min(values.shape[:2])
    if rng.random() < 0.3:
        values = _blur(values, side * rng.uniform(0.008, 0.045), rng)
    if rng.random() < 0.35:
        scale = float(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST)))) / side
        values = shrink(values, scale) if scale < 1 else values
    if rng.random() < 0.3:
        values = noise(values, rng.uniform(2, 14), int(rng.integers(2**31)))
    result = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        result = jpeg(result, int(rng.integers(18, 85)))
    return result


def _light(pixels: Pixels, rng: np.random.Generator) -> Floats:
    """Gamma, and brightness and colour of the light."""
    return light_unclipped(pixels, np.exp(rng.normal(0, 0.3)), np.exp(rng.normal(0, 0.12, 3)))


def _blur(values: Floats, radius: float, rng: np.random.Generator) -> Floats:
    """Out of focus, or moving in one direction. radius: px."""
    if rng.random() < 0.5:
        return out_of_focus(values, max(radius, 0.3))
    return motion(values, max(2, round(3 * radius)), rng.uniform(0, np.pi))
