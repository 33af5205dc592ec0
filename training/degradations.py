"""What cheap cameras and bad light do to a picture: one function for each effect, its strength an argument.

Each training composes its own mix: `training.classifier.camera` for face crops, `training.detector.camera`
for whole pictures. Written for speed, because they run beside the training on the same cores: look-up tables
and OpenCV.

Pictures are (H, W, 3) RGB, either uint8 or float32 with values 0..255. A function returns the type that it
was given, unless it says otherwise. Of uint8 it clips to 0..255; of float32 it does not, so that a chain of
effects is clipped once at its end.
"""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from edge.types import Pixels

Floats = npt.NDArray[np.float32]
Picture = TypeVar("Picture", bound=npt.NDArray[Any])
"""uint8 or float32, (H, W, 3)."""

Gain = float | npt.NDArray[np.float64]
"""One number for all channels, or (3,) for red, green and blue."""

GREY = (0.299, 0.587, 0.114)
"""How much red, green and blue add to a grey value (ITU-R BT.601)."""


def light_table(gamma: float, gain: Gain, contrast: float = 1.0) -> npt.NDArray[np.float64]:
    """What each value 0..255 becomes under other light, per channel: float64 (256, 3), not clipped.

    255 (v / 255) ^ gamma x gain, its distance from the mean value multiplied by `contrast`.
    """
    values = (np.arange(256)[:, None] / 255) ** gamma * np.broadcast_to(gain, 3)
    middle = values.mean()
    return np.asarray(255 * ((values - middle) * contrast + middle))


def light(pixels: Pixels, gamma: float, gain: Gain, contrast: float = 1.0) -> Pixels:
    """Exposure, contrast, gamma and colour of the light: uint8 to uint8. See `light_table`."""
    table = np.clip(light_table(gamma, gain, contrast), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table[None]), np.uint8)


def light_unclipped(pixels: Pixels, gamma: float, gain: Gain, contrast: float = 1.0) -> Floats:
    """The same from uint8 to float32: bright values may exceed 255."""
    table = light_table(gamma, gain, contrast).astype(np.float32)
    return np.asarray(cv2.LUT(pixels, table[None]), np.float32)


def saturation(pixels: Picture, amount: float) -> Picture:
    """Colours as strong as `amount` says: 0 is grey, 1 changes nothing."""
    grey = np.tile(np.array(GREY), (3, 1))
    return _as(pixels, cv2.transform(pixels, grey * (1 - amount) + np.eye(3) * amount))


def out_of_focus(pixels: Picture, sigma: float) -> Picture:
    """Gaussian blur. sigma: px."""
    return _as(pixels, cv2.GaussianBlur(pixels, (0, 0), sigma))


def motion(pixels: Picture, length: int, angle: float) -> Picture:
    """Blur along a line. length: px from its middle to either end, at least 1. angle: radians."""
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    dx, dy = np.cos(angle) * length, np.sin(angle) * length
    start, end = (
        (round(length - dx), round(length - dy)),
        (round(length + dx), round(length + dy)),
    )
    cv2.line(kernel, start, end, (1.0,), 1, cv2.LINE_AA)
    return _as(pixels, cv2.filter2D(pixels, -1, kernel / kernel.sum()))


def shrink(pixels: Picture, scale: float) -> Picture:
    """Fewer pixels. scale: 0..1, new size by old; each side keeps at least one pixel."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _as(pixels, cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def few_pixels(pixels: Picture, scale: float) -> Picture:
    """As from a smaller sensor, or from much digital zoom: shrunk and enlarged again to the same size."""
    height, width = pixels.shape[:2]
    small = shrink(pixels, scale)
    return _as(pixels, cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def noise(pixels: Picture, sigma: Gain, seed: int, grey: bool = False) -> Picture:
    """Gaussian noise of a sensor.

    sigma: in grey values, one for all channels or one for each. seed: 0..2^31 - 1; it becomes the seed of
    this thread's OpenCV generator. grey: the same noise in all channels, then sigma is one number.
    """
    height, width = pixels.shape[:2]
    kind: type[np.generic] = np.int16 if pixels.dtype == np.uint8 else np.float32
    channels = 1 if grey else 3
    values: npt.NDArray[Any] = np.empty((height, width, channels), kind)
    cv2.setRNGSeed(seed)
    # one number for each channel: OpenCV uses a plain number for the first channel only
    cv2.randn(values, np.zeros(channels), np.broadcast_to(np.asarray(sigma, float), channels).copy())
    return _as(pixels, pixels + values)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Compressed and decoded again: uint8 to uint8. quality: 1..100."""
    _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _as(pixels: Picture, values: npt.NDArray[Any]) -> Picture:
    """Values of the type that a picture has; uint8 is clipped."""
    if pixels.dtype == np.uint8 and values.dtype != np.uint8:
        values = np.clip(values, 0, 255)
    return values.astype(pixels.dtype, copy=False)  # type: ignore[return-value]
