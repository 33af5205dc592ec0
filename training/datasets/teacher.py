"""A teacher: a face detector that finds the faces which nobody labelled, and every face's landmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.inference.anchors import Floats, pairwise_iou
from edge.types import Pixels
from training.datasets.conventions import YUNET_TO_OURS, move_edges
from training.datasets.scenes import Scene
from training.datasets.yunet import open_yunet

SURE = 0.75
"""Score from which a face that only the teacher sees is a face."""

MAYBE = 0.45
"""Score from which a face that only the teacher sees is ignored: it is neither a face nor background."""

SAME_FACE = 0.45
"""IoU from which the teacher's box and a labelled one are the same face."""

OTHER_FACE = 0.2
"""IoU below which the teacher's box is a face that nobody labelled."""

Teacher = Callable[[Pixels], Floats]
"""From a picture, uint8 (H, W, 3) RGB, to faces as `training.datasets.yunet.YuNet.find` gives them."""


def open_teacher(model: Path) -> Teacher:
    """YuNet as a teacher. Raises DataError if its file is missing."""
    yunet = open_yunet(model, "--teacher", min_score=MAYBE, margin=32)

    def teach(pixels: Pixels) -> Floats:
        return yunet.find(pixels, teacher_scale(*pixels.shape[:2]))

    return teach


def teacher_scale(height: int, width: int) -> float:
    """Whole pictures keep their size. Cut-out faces are shrunk to the size of face that YuNet finds best."""
    longer = max(height, width)
    return 1.0 if longer > 320 else min(1.0, 160 / longer)


def teach_scene(scene: Scene, found: Floats, whole: bool) -> Scene:
    """A scene in our convention, with what a teacher found in it.

    found: the teacher's faces. Faces that nobody labelled are added; if the teacher is not sure, they are
    ignored. Labelled faces get the teacher's landmarks. whole: False for a cut-out face. Its box is a guess
    from its margin, so the teacher's box takes its place, also if the teacher finds the face elsewhere in the
    cut-out.
    """
    boxes = move_edges(np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1), YUNET_TO_OURS)
    scores, marks = found[:, 14], found[:, 4:14].reshape(-1, 5, 2)
    if not whole and np.any(scores >= MAYBE):
        scene = _place_face(scene, boxes, scores)
    overlap = np.zeros((len(boxes), 1), np.float32)
    if len(scene.boxes) and len(boxes):
        overlap = pairwise_iou(boxes, scene.boxes)
    highest = overlap.max(axis=1, initial=0)
    landmarks = scene.landmarks.copy()
    for face in np.flatnonzero(highest > SAME_FACE):
        landmarks[overlap[face].argmax()] = marks[face]
    new = np.flatnonzero((highest < OTHER_FACE) & (scores >= MAYBE))
    return replace(
        scene,
        boxes=np.concatenate([scene.boxes, boxes[new]]),
        labels=scene.labels + ("face",) * len(new),
        ignored=np.concatenate([scene.ignored, scores[new] < SURE]),
        landmarks=np.concatenate([landmarks, marks[new]]),
    )


def _place_face(scene: Scene, boxes: Floats, scores: Floats) -> Scene:
    """A cut-out with its one box at the teacher's face that overlaps most, or else at the best scored one."""
    overlap = pairwise_iou(boxes, scene.boxes)[:, 0]
    best = overlap.argmax() if overlap.max() > 0.3 else scores.argmax()
    return replace(scene, boxes=boxes[best][None])
