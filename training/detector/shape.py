"""A detector's geometry."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge.inference.anchors import Floats, level_anchors
from edge.inference.card import Level


@dataclass(frozen=True, slots=True)
class DetectorShape:
    """A detector's geometry, shared by network, matching and card.

    width, height: of the input, px. levels: strides with their anchors, (width, height) px of the input. variances: of centre and of size.
    """

    width: int = 384
    height: int = 288
    levels: tuple[Level, ...] = (
        Level(8, ((9.0, 12.0), (17.0, 22.0))),
        Level(16, ((31.0, 40.0), (54.0, 70.0))),
        Level(32, ((92.0, 120.0), (140.0, 180.0))),
    )
    variances: tuple[float, float] = (0.1, 0.2)

    def anchors(self) -> Floats:
        """All levels' anchors, float32 (N, 4): (cx, cy, w, h) px, in the order of the flattened outputs."""
        return np.concatenate(
            [level_anchors(self.width, self.height, level.stride, level.sizes) for level in self.levels]
        )


def shape_for(width: int, height: int) -> DetectorShape:
    """The geometry for an input size, px. Above the default's height the coarsest level's anchors grow with it: faces close to the camera do, too.

    The finer levels stay: what a larger input is for are the small faces.
    """
    plain = DetectorShape(width, height)
    growth = max(1.0, height / DetectorShape().height)
    *finer, coarsest = plain.levels
    (middle, largest) = coarsest.sizes
    sizes = (
        _grown(middle, math.sqrt(growth)),
        _grown(largest, growth),
    )  # between the level below and the largest
    return replace(plain, levels=(*finer, Level(coarsest.stride, sizes)))


def _grown(size: tuple[float, float], times: float) -> tuple[float, float]:
    return float(round(size[0] * times)), float(round(size[1] * times))


def read_shape(data: dict[str, Any]) -> DetectorShape:
    """The inverse of `dataclasses.asdict` for a `DetectorShape`."""
    levels = tuple(
        Level(level["stride"], tuple((float(w), float(h)) for w, h in level["sizes"]))
        for level in data["levels"]
    )
    centre, size = data["variances"]
    return DetectorShape(data["width"], data["height"], levels, (centre, size))


def shape_entry(shape: DetectorShape) -> dict[str, Any]:
    """What a card's `detector` says of the geometry, ready for JSON."""
    entry = asdict(shape)
    return {"levels": entry["levels"], "variances": entry["variances"]}
