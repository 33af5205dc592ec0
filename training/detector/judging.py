"""A detector's answers to labelled pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import cv2
import keras
import numpy as np
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.inference.anchors import Floats, decode_boxes, non_maximum_suppression
from edge.pictures.files import read_picture
from edge.preprocess import crop, normalise, resize
from edge.types import BoundingBox, Pixels
from training.datasets.scenes import Loaded, Scene, without_outside
from training.detector.coco import Judged
from training.detector.shape import DetectorShape

LOWEST_SCORE = 0.02
"""Detections below it are not looked at: they take time, and change average precision by at most 0.001."""

FindFaces = Callable[[Pixels], tuple[Floats, Floats]]
"""Any detector: from uint8 (H, W, 3) RGB to corner boxes, float32 (N, 4) px, and scores, float32 (N,)."""


def keras_finder(model: keras.Model, shape: DetectorShape, iou_threshold: float) -> FindFaces:
    """The float model, used as the Pi uses the int8 file."""
    anchors = shape.anchors()

    def find(pixels: Pixels) -> tuple[Floats, Floats]:
        outputs = model(normalise(resize(pixels, shape.width, shape.height))[None], training=False)
        values = [keras.ops.convert_to_numpy(output) for output in outputs]
        logits = np.concatenate([value.ravel() for value in values[::2]])
        raw = np.concatenate([value.reshape(-1, 4) for value in values[1::2]])
        scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
        chosen = np.flatnonzero(scores >= LOWEST_SCORE)
        boxes, scores = decode_boxes(raw[chosen], anchors[chosen], shape.variances), scores[chosen]
        kept = non_maximum_suppression(boxes, scores, iou_threshold)
        size = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        unit = size / np.array([shape.width, shape.height] * 2, np.float32)
        return np.clip(boxes[kept] * unit, 0, size).astype(np.float32), scores[kept]

    return find


def judge_picture(scene: Scene, pixels: Pixels, find: FindFaces) -> Judged:
    """One picture's faces as labelled and as found. pixels: uint8 (H, W, 3) RGB."""
    boxes, scores = find(pixels)
    lightness = np.array([_lightness(pixels, box) for box in scene.boxes], np.float32)
    return Judged(
        scene.source,
        pixels.shape[1],
        pixels.shape[0],
        scene.boxes,
        scene.labels,
        scene.ignored,
        lightness,
        boxes,
        scores,
    )


def _lightness(pixels: Pixels, box: Floats) -> float:
    """The median grey value, 0..255, of the middle of a face's upper half.

    Skin is seen there, with a mask or without.
    """
    face = BoundingBox(*box.tolist())
    left, right = face.xmin + 0.2 * face.width, face.xmax - 0.2 * face.width
    middle = BoundingBox(left, face.ymin, right, face.ymin + 0.5 * face.height)
    return float(np.median(cv2.cvtColor(crop(pixels, middle, 0.0), cv2.COLOR_RGB2GRAY)))


def judge_loaded(items: Sequence[Loaded], find: FindFaces) -> list[Judged]:
    """All of some decoded pictures."""
    return [judge_picture(scene, pixels, find) for scene, pixels in items]


def judge_files(find: FindFaces, scenes: Sequence[Scene]) -> tuple[list[Judged], list[Scene], int]:
    """Every readable picture of some files, with a progress bar. Others are named on stderr.

    Returns the judged pictures, their scenes, and the number of unreadable pictures. Raises DataError if none
    can be read.
    """
    judged, readable = [], []
    for scene in tqdm(scenes, desc="finding faces", unit="picture", mininterval=1, disable=None):
        try:
            loaded = without_outside(scene, read_picture(scene.file))
            judged.append(judge_picture(*loaded, find))
            readable.append(loaded[0])
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not judged:
        raise DataError(f"none of {len(scenes)} pictures can be read", "check --data")
    return judged, readable, len(scenes) - len(judged)
