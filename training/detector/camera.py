"""What a cheap camera makes of a whole picture, in the order in which it happens: light, focus, few pixels, noise, compression.

Written for speed, since it runs beside the training on the same cores: look-up tables and OpenCV instead of float pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.types import Pixels


def camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """uint8 (H, W, 3) RGB in and out, same size."""
    if rng.random() < 0.8:
        pixels = _light(pixels, rng)
    if rng.random() < 0.35:
        pixels = _saturation(pixels, rng)
    if rng.random() < 0.25:
        pixels = _blur(pixels, rng)
    if rng.random() < 0.15:
        pixels = _few_pixels(pixels, rng)
    if rng.random() < 0.25:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.25:
        _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 85))))
        pixels = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _light(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Exposure, contrast, gamma and colour of the light; one time in eight a dark room."""
    dark = rng.random() < 0.125
    gamma = np.exp(rng.normal(0.35, 0.25) if dark else rng.normal(0, 0.25))
    gain = (rng.uniform(0.25, 0.6) if dark else np.exp(rng.normal(0, 0.15))) * np.exp(rng.normal(0, 0.07, 3))
    values = (np.arange(256)[:, None] / 255) ** gamma * gain
    contrast = np.exp(rng.normal(0, 0.15))
    table = np.clip(255 * ((values - values.mean()) * contrast + values.mean()), 0, 255)
    return np.asarray(cv2.LUT(pixels, table.astype(np.uint8)[None]), np.uint8)


def _saturation(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Paler, more colourful, or (one time in six) grey."""
    amount = 0.0 if rng.random() < 1 / 6 else rng.uniform(0.4, 1.6)
    grey = np.tile(np.array([0.299, 0.587, 0.114]), (3, 1))
    return np.asarray(cv2.transform(pixels, grey * (1 - amount) + np.eye(3) * amount), np.uint8)


def _blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Out of focus, or moving in one direction."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.8)), np.uint8)
    length = int(rng.integers(2, 6))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    dx, dy = np.cos(angle) * length, np.sin(angle) * length
    cv2.line(
        kernel,
        (round(length - dx), round(length - dy)),
        (round(length + dx), round(length + dy)),
        1.0,
        1,
        cv2.LINE_AA,
    )
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum()), np.uint8)


def _few_pixels(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """From a smaller sensor, or far too much digital zoom."""
    height, width = pixels.shape[:2]
    scale = rng.uniform(0.4, 0.85)
    small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Gaussian, sometimes the same in all three channels."""
    height, width = pixels.shape[:2]
    channels = 1 if rng.random() < 0.3 else 3
    noise = np.empty((height, width, channels), np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(noise, 0, rng.uniform(2, 16))
    return np.asarray(np.clip(pixels + noise, 0, 255), np.uint8)
