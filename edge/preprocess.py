"""From pixels to a model's input. Training, calibration, evaluation and the Pi all call these functions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.optional import import_cv2
from edge.types import BoundingBox, Pixels

CROP_MARGIN = 0.15
"""The margin of a classifier's crop around a face box, in box sizes; a card may have another."""

MEAN, STD = 128.0, 128.0
"""A pixel p enters a model as (p - 128) / 128.

In int8 with scale 1/128 and zero point 0 that is p - 128, without rounding.
"""


def crop(pixels: Pixels, box: BoundingBox, margin: float = CROP_MARGIN) -> Pixels:
    """The part of a picture that shows a box with its margin.

    pixels: uint8 (H, W, 3). Returns a view, uint8 (h, w, 3), at least 1x1, without what lies outside the
    picture.
    """
    height, width = pixels.shape[:2]
    inside = box.pad(margin).clip(width, height)
    xmin, ymin = min(int(inside.xmin), width - 1), min(int(inside.ymin), height - 1)
    xmax, ymax = max(round(inside.xmax), xmin + 1), max(round(inside.ymax), ymin + 1)
    return pixels[ymin:ymax, xmin:xmax]


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Stretch to width x height. uint8 (H, W, 3) in, uint8 (height, width, 3) out.

    By area where a side shrinks to less than half, else bilinear. Down to a half, both read all pixels, and
    bilinear is six times as fast in OpenCV.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    cv2 = import_cv2()
    far = pixels.shape[0] > 2 * height or pixels.shape[1] > 2 * width
    method = cv2.INTER_AREA if far else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)


def normalise(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Pixels 0..255 of any dtype as float32 model input, about -1..1."""
    return (np.asarray(pixels, np.float32) - np.float32(MEAN)) / np.float32(STD)


@lru_cache(maxsize=16)
def _byte_table(scale: float, zero_point: int, dtype: str) -> npt.NDArray[Any]:
    """What each pixel value becomes, (256,) of dtype: so any scale costs one look-up for each pixel."""
    quantised = np.round(normalise(np.arange(256)) / scale) + zero_point
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(quantised, limits.min, limits.max), dtype)


def quantise(
    pixels: Pixels, scale: float, zero_point: int, dtype: str = "int8", out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Pixels as the input of a quantised model (Jacob et al. 2018).

    q = round(normalise(p) / scale) + zero_point, clipped. pixels: uint8, any shape. dtype: int8 or uint8.
    out: of that dtype and the same shape, to write into.
    """
    if (scale, zero_point, dtype) == (1 / STD, 0, "int8"):
        # p - 128 by its bits: 100 times as fast as the table.
        return np.bitwise_xor(pixels, 0x80, out=None if out is None else out.view(np.uint8)).view(np.int8)
    return np.take(_byte_table(scale, zero_point, dtype), pixels, out=out)


def dequantise(values: npt.NDArray[np.int8], scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """Quantised values as float32: (q - zero_point) * scale, in float32 so that nothing overflows."""
    return np.subtract(values, zero_point, dtype=np.float32) * np.float32(scale)
