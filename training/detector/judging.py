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
from training.datasets.scenes import Scene
from training.detector.coco import Judged
from training.detector.shape import DetectorShape

LOWEST_SCORE = 0.02
"""Detections below are not looked at: they cost time and change no average precision by more than a thousandth."""


Find = Callable[[Pixels], tuple[Floats, Floats]]
"""Any detector: uint8 (H, W, 3) RGB to float32 (N, 4) corner boxes px and (N,) scores."""


def keras_finder(model: keras.Model, shape: DetectorShape, iou_threshold: float) -> Find:
    """The float model as the Pi would use it."""
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


def judge(scene: Scene, pixels: Pixels, find: Find) -> Judged:
    """One picture's faces as labelled and as found."""
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
    """The median grey value, 0..255, of the middle of a face's upper half: where skin is seen, with a mask or without."""
    face = BoundingBox(*box.tolist())
    middle = BoundingBox(
        face.xmin + 0.2 * face.width, face.ymin, face.xmax - 0.2 * face.width, face.ymin + 0.5 * face.height
    )
    return float(np.median(cv2.cvtColor(crop(pixels, middle, 0.0), cv2.COLOR_RGB2GRAY)))


def judge_pictures(
    model: keras.Model, shape: DetectorShape, items: Sequence[tuple[Scene, Pixels]], iou_threshold: float
) -> list[Judged]:
    """All pictures by the float model."""
    find = keras_finder(model, shape, iou_threshold)
    return [judge(scene, pixels, find) for scene, pixels in items]


def judge_scenes(find: Find, scenes: Sequence[Scene]) -> tuple[list[Judged], list[Scene], int]:
    """Every readable picture by a detector. Returns the judgements, their scenes, and how many pictures could not be read."""
    judged, readable = [], []
    for scene in tqdm(scenes, desc="finding faces", unit="picture", mininterval=1, disable=None):
        try:
            judged.append(judge(scene, read_picture(scene.file), find))
            readable.append(scene)
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not judged:
        raise DataError(f"none of {len(scenes)} pictures can be read")
    return judged, readable, len(scenes) - len(judged)
