"""How tightly a box lies around a face: our convention, and other makers' boxes moved to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge.inference.anchors import Floats
from training.datasets.scenes import Scene

BOX_CONVENTION = (
    "full face: from the upper half of the forehead to the chin, cheek to cheek, ears and hair left out"
)
"""What a card says about a detector's boxes."""

Shift = tuple[float, float, float, float]
"""How far to move xmin, ymin, xmax and ymax, in parts of the box's width and height."""

YUNET_TO_OURS: Shift = (0.01, 0.095, -0.01, 0.03)
"""YuNet's and WIDER's boxes begin at the hairline."""

CONVENTIONS: Mapping[str, Shift] = {
    "andrewmvd853": (0.0, -0.09, 0.0, -0.055),  # from the eyebrows to below the chin
    "roboflow_maskwearing149": (0.18, 0.317, -0.135, -0.04),  # whole heads with their hair
    "widerface_val200": YUNET_TO_OURS,
}
"""Source -> what moves its boxes to our convention.

Medians over the faces that YuNet finds, with the boxes of ilc2021 as the yardstick.
"""


def move_edges(boxes: Floats, shift: Sequence[float]) -> Floats:
    """Boxes, (N, 4) corners, with each edge moved by a part of the box's own width or height."""
    size = boxes[:, 2:] - boxes[:, :2]
    moved = boxes + np.concatenate([size, size], axis=1) * np.asarray(shift, np.float32)
    return np.asarray(moved, np.float32)


def fit_convention(scene: Scene) -> Scene:
    """The scene with its boxes in our convention.

    For training only: figures are measured on the boxes as their makers drew them.
    """
    shift = CONVENTIONS.get(scene.source)
    return scene if shift is None else replace(scene, boxes=move_edges(scene.boxes, shift))
