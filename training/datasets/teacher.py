"""A teacher: a face detector that finds the faces which nobody labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.errors import DataError
from edge.inference.anchors import Floats, pairwise_iou
from edge.optional import import_cv2
from edge.preprocess import resize
from edge.types import Pixels
from training.datasets.conventions import YUNET_TO_OURS, move_edges
from training.datasets.scenes import Scene

TEACHER_SURE, TEACHER_MAYBE = 0.75, 0.45
"""A face that only the teacher sees is a face from the first score on, and neither face nor background from the second on."""


Finder = Callable[[Pixels], Floats]
"""A teacher: uint8 (H, W, 3) RGB to float32 (N, 15): x, y, width, height, five landmarks, score, as YuNet gives them, in px."""


class Teacher:
    """OpenCV's YuNet (Wu et al. 2023) at a picture's own size. Raises DataError where its file is missing."""

    def __init__(self, model: Path) -> None:
        self._cv2 = import_cv2()
        if not model.is_file():
            raise DataError(
                f"{model}: no such file; get face_detection_yunet from OpenCV's model zoo, or leave --teacher out"
            )
        self._net = self._cv2.FaceDetectorYN.create(str(model), "", (320, 320), TEACHER_MAYBE, 0.3, 5000)

    def __call__(self, pixels: Pixels) -> Floats:
        """Pads the picture, so that faces which fill it are found, and shrinks cut-outs to the size of face that YuNet knows best."""
        height, width = pixels.shape[:2]
        scale = 1.0 if max(height, width) > 320 else min(1.0, 160 / max(height, width))
        small = resize(pixels, max(8, round(width * scale)), max(8, round(height * scale)))
        pad = 32
        framed = self._cv2.copyMakeBorder(small[..., ::-1], pad, pad, pad, pad, self._cv2.BORDER_REPLICATE)
        self._net.setInputSize((framed.shape[1], framed.shape[0]))
        _, faces = self._net.detect(framed)
        found = np.empty((0, 15), np.float32) if faces is None else faces.astype(np.float32)
        shift = np.array([pad, pad, 0, 0] + [pad] * 10 + [0], np.float32)
        return np.asarray((found - shift) / np.array([scale] * 14 + [1], np.float32), np.float32)


def taught(scene: Scene, found: Floats, whole: bool) -> Scene:
    """What a teacher's answer makes of a scene in our convention.

    Faces that nobody labelled are added, or ignored where the teacher is not sure; labelled faces get its landmarks. whole: False for a
    cut-out, whose box is a guess from its margin: the teacher's box takes its place, also where it finds the face elsewhere in the cut-out.
    """
    boxes = move_edges(np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1), YUNET_TO_OURS)
    scores, marks = found[:, 14], found[:, 4:14].reshape(-1, 5, 2)
    if not whole and np.any(scores >= TEACHER_MAYBE):
        scene = _place_face(scene, boxes, scores)
    overlap = (
        pairwise_iou(boxes, scene.boxes)
        if len(scene.boxes) and len(boxes)
        else np.zeros((len(boxes), 1), np.float32)
    )
    landmarks = scene.landmarks.copy()
    for face in np.flatnonzero(overlap.max(axis=1, initial=0) > 0.45):
        landmarks[overlap[face].argmax()] = marks[face]
    new = np.flatnonzero((overlap.max(axis=1, initial=0) < 0.2) & (scores >= TEACHER_MAYBE))
    return replace(
        scene,
        boxes=np.concatenate([scene.boxes, boxes[new]]),
        labels=scene.labels + ("face",) * len(new),
        ignored=np.concatenate([scene.ignored, scores[new] < TEACHER_SURE]),
        landmarks=np.concatenate([landmarks, marks[new]]),
    )


def _place_face(scene: Scene, boxes: Floats, scores: Floats) -> Scene:
    """A cut-out's one box, put where the teacher sees a face: the one that overlaps most, else the surest."""
    overlap = pairwise_iou(boxes, scene.boxes)[:, 0]
    best = overlap.argmax() if overlap.max() > 0.3 else scores.argmax()
    return replace(scene, boxes=boxes[best][None])
