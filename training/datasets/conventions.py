"""How tightly a box lies around a face, and boxes of other makers brought to our convention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge.inference.anchors import Floats
from training.datasets.scenes import Scene

BOX_CONVENTION = (
    "full face: from the upper half of the forehead to the chin, cheek to cheek, ears and hair left out"
)


YUNET_TO_OURS = (0.01, 0.095, -0.01, 0.03)
"""YuNet's and WIDER's boxes start at the hairline. How far to move xmin, ymin, xmax, ymax, in parts of the box's width and height."""


CONVENTIONS: Mapping[str, tuple[float, float, float, float]] = {
    "andrewmvd853": (0.0, -0.09, 0.0, -0.055),  # from the eyebrows to below the chin
    "roboflow_maskwearing149": (0.18, 0.317, -0.135, -0.04),  # whole heads with their hair
    "widerface_val200": YUNET_TO_OURS,
}
"""Per source, what turns its boxes into ours. Medians over the faces that YuNet finds, with ilc2021's boxes as the yardstick."""


def move_edges(boxes: Floats, parts: Sequence[float]) -> Floats:
    """Boxes (N, 4) with each edge moved by a part of the box's own width or height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(
        boxes + np.concatenate([size, size], axis=1) * np.asarray(parts, np.float32), np.float32
    )


def fit_convention(scene: Scene) -> Scene:
    """The scene with its boxes in our convention: for training alone, figures are taken on boxes as they were drawn."""
    parts = CONVENTIONS.get(scene.source)
    return scene if parts is None else replace(scene, boxes=move_edges(scene.boxes, parts))
