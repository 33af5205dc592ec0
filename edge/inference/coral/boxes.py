"""How far two detectors' boxes are from each other, whatever their order.

For models that end in TFLite_Detection_PostProcess: the order of its rows among next-to-nothing scores may
differ on a good Edge TPU, and what is behind its count is unwritten memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.errors import ModelError
from edge.inference.anchors import Floats, pairwise_iou
from edge.inference.interpreter import OutputTensor, TFLiteModel
from edge.inference.ssd_outputs import output_reader

STRONG, ANY = 0.5, 0.25
"""Parts of the CPU's best score: boxes from the first on need a partner among those from the second on."""

FARTHEST = 255.0
"""Steps between what has nothing in common."""

SAME_IOU = 0.5
"""Overlap from which two boxes are of the same face."""

Boxes = tuple[Floats, Floats]
"""Corners (N, 4) and scores (N,)."""


def decoded_distance(
    model: TFLiteModel, got: Sequence[OutputTensor], expected: Sequence[OutputTensor]
) -> float:
    """The mean distance of each strong box from its partner in the other answer, in steps of 1/255.

    The worse of the score's and the corners' difference counts; a box without a partner is 255 steps off.
    model: with a detector's card. expected: the CPU's answer.
    """
    detector = model.card.detector
    assert detector is not None
    reader = output_reader(model.card, detector, model.output_specs)
    try:
        best = float(reader.boxes(expected, 0.0)[1].max(initial=0.0))
        mine, theirs = reader.boxes(got, ANY * best), reader.boxes(expected, ANY * best)
    except ModelError:  # numbers that cannot be
        return FARTHEST
    side = max(model.card.width, model.card.height)
    steps = [
        *_distances(_from(mine, STRONG * best), theirs, side),
        *_distances(_from(theirs, STRONG * best), mine, side),
    ]
    return float(np.mean(steps)) if steps else 0.0


def _from(boxes: Boxes, score: float) -> Boxes:
    keep = boxes[1] >= score
    return boxes[0][keep], boxes[1][keep]


def _distances(boxes: Boxes, others: Boxes, side: float) -> list[float]:
    """Of each box from the nearest other one, in steps. side: px of the model's input."""
    overlaps = pairwise_iou(boxes[0], others[0])
    steps = []
    for (corners, score), row in zip(zip(*boxes, strict=True), overlaps, strict=True):
        partners = row >= SAME_IOU
        offsets = np.abs(others[0][partners] - corners).mean(axis=1) / side
        each = np.maximum(offsets, np.abs(others[1][partners] - score)) * FARTHEST
        steps.append(float(min(each.min(initial=FARTHEST), FARTHEST)))
    return steps
