"""A detector's geometry: its input and its anchors."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge.inference.anchors import Floats, level_anchors
from edge.inference.card import Level


@dataclass(frozen=True, slots=True)
class DetectorShape:
    """The geometry that network, matching and card share."""

    width: int = 384
    """Of the input, px."""
    height: int = 288
    """Of the input, px."""
    levels: tuple[Level, ...] = (
        Level(8, ((9.0, 12.0), (17.0, 22.0))),
        Level(16, ((31.0, 40.0), (54.0, 70.0))),
        Level(32, ((92.0, 120.0), (140.0, 180.0))),
    )
    """Strides with their anchors, (width, height) px of the input."""
    variances: tuple[float, float] = (0.1, 0.2)
    """Scales of a box's centre and of its size in the network's outputs (Liu et al. 2016)."""

    def anchors(self) -> Floats:
        """All levels' anchors, float32 (N, 4): cx, cy, w, h px, in the order of the flattened outputs."""
        return np.concatenate(
            [level_anchors(self.width, self.height, level.stride, level.sizes) for level in self.levels]
        )


def shape_for(width: int, height: int) -> DetectorShape:
    """The geometry for an input size, px.

    If the input is higher than the default one, the anchors of the coarsest level grow with it, because faces
    close to the camera do. The finer levels stay: a larger input is meant for the small faces.
    """
    plain = DetectorShape(width, height)
    growth = max(1.0, height / DetectorShape().height)
    *finer, coarsest = plain.levels
    middle, largest = coarsest.sizes
    # the middle one stays between the level below and the largest
    sizes = (_grown(middle, math.sqrt(growth)), _grown(largest, growth))
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
