"""What a labelled box must be: numbers, with an area, within its picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOT_A_NUMBER = "boxes with a coordinate that is no number"
NO_AREA = "boxes without area"
UNDER_A_PIXEL = "boxes smaller than 1 px (shares 0..1 in place of px?)"
OUTSIDE = "boxes outside their picture"

LARGEST = 1e6
"""px. No picture is larger: a box beyond it lies outside."""


def box_fault(corners: Sequence[float], size: tuple[float, float] | None = None) -> str:
    """Why a box cannot be used, in words that count well; empty if it can.

    corners: xmin, ymin, xmax, ymax px. size: (width, height) px of its picture; None where it is not known.
    """
    xmin, ymin, xmax, ymax = corners
    if not all(math.isfinite(value) for value in corners):
        return NOT_A_NUMBER
    width, height = xmax - xmin, ymax - ymin
    if width <= 0 or height <= 0:
        return NO_AREA
    if max(map(abs, corners)) > LARGEST or not reaches_into(corners, size or (LARGEST, LARGEST)):
        return OUTSIDE
    return UNDER_A_PIXEL if width < 1 or height < 1 else ""


def reaches_into(corners: Sequence[float], size: tuple[float, float]) -> bool:
    """Whether at least a part of a box lies within a picture. size: its (width, height) px."""
    xmin, ymin, xmax, ymax = corners
    return xmin < size[0] and ymin < size[1] and xmax > 0 and ymax > 0
