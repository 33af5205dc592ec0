"""What a cheap camera makes of a whole picture, for the detector's training."""

from __future__ import annotations

import numpy as np

from edge.types import Pixels
from training.degradations import few_pixels, jpeg, light, motion, noise, out_of_focus, saturation

RED_ONLY = np.array([1.0, 0.0, 0.0])
"""For noise in the first channel only; see `_noise`."""


def camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Some of the effects, in the order in which a camera has them; uint8 (H, W, 3) RGB, the size stays."""
    if rng.random() < 0.8:
        pixels = _light(pixels, rng)
    if rng.random() < 0.35:
        pixels = saturation(pixels, 0.0 if rng.random() < 1 / 6 else rng.uniform(0.4, 1.6))
    if rng.random() < 0.25:
        pixels = _blur(pixels, rng)
    if rng.random() < 0.15:
        pixels = few_pixels(pixels, rng.uniform(0.4, 0.85))
    if rng.random() < 0.25:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.25:
        pixels = jpeg(pixels, int(rng.integers(20, 85)))
    return pixels


def _light(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Any light; one time in eight a dark room."""
    dark = rng.random() < 0.125
    gamma = np.exp(rng.normal(0.35, 0.25) if dark else rng.normal(0, 0.25))
    exposure = rng.uniform(0.25, 0.6) if dark else np.exp(rng.normal(0, 0.15))
    gain = exposure * np.exp(rng.normal(0, 0.07, 3))
    return light(pixels, gamma, gain, contrast=np.exp(rng.normal(0, 0.15)))


def _blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Out of focus, or moving in one direction."""
    if rng.random() < 0.5:
        return out_of_focus(pixels, rng.uniform(0.4, 1.8))
    return motion(pixels, int(rng.integers(2, 6)), rng.uniform(0, np.pi))


def _noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The same in all channels three times in ten, else in red only.

    Noise in each channel was meant. The shipped detectors were trained with red only, and it stays so until
    the next ones are trained.
    """
    grey = bool(rng.random() < 0.3)
    seed, sigma = int(rng.integers(2**31)), rng.uniform(2, 16)
    return noise(pixels, sigma if grey else sigma * RED_ONLY, seed, grey)
