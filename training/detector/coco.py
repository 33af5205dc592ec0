"""COCO's evaluation of boxes (Lin et al. 2014) by pycocotools, with our IoUs and with heights for areas."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge.inference.anchors import Floats

Flags = npt.NDArray[np.bool_]

LONG_SIDE = 640
"""Face heights are given as if the longer side of each picture had this many pixels."""

HEIGHTS: dict[str, tuple[float, float]] = {
    ">=20": (20, 1e5),
    "8-16": (8, 16),
    "16-32": (16, 32),
    "32-64": (32, 64),
    ">64": (64, 1e5),
}
"""Ranges of face height, px at LONG_SIDE. The headline figures are for the first one."""

IOUS = (0.35, 0.5)
"""Overlaps from which a box is right."""

LIMIT = 200
"""Detections of a picture that are looked at: the runtime keeps no more either."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One picture: its N faces as labelled, and the M faces that a detector finds."""

    source: str
    width: int
    """px"""
    height: int
    """px"""
    boxes: Floats
    """float32 (N, 4), corners px."""
    labels: tuple[str, ...]
    """N names of categories."""
    ignored: Flags
    """bool (N,): faces that count neither way."""
    lightness: Floats
    """float32 (N,): median grey value, 0..255, of each face's upper half."""
    found: Floats
    """float32 (M, 4), corners px."""
    scores: Floats
    """float32 (M,), 0..1."""


def evaluate_boxes(pictures: Sequence[Judged], threshold: float) -> COCOeval:
    """Match the boxes that score at least `threshold` with the faces, at all IOUS and HEIGHTS.

    COCO's ranges are for areas. Here a box's area is given as the square of its height, so they become ranges
    of heights.
    """
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    images = [{"id": number} for number in range(1, len(pictures) + 1)]
    for number, picture in enumerate(pictures, start=1):
        scale = LONG_SIDE / max(picture.width, picture.height)
        for box, ignored in zip(picture.boxes, picture.ignored, strict=True):
            truth.append(_annotation(len(truth) + 1, number, box, scale) | {"iscrowd": int(ignored)})
        for box, score in zip(picture.found, picture.scores, strict=True):
            if score >= threshold:
                found.append(_annotation(len(found) + 1, number, box, scale) | {"score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_index(images, truth), _index(images, found), "bbox")
        evaluation.params.iouThrs = np.array(IOUS)
        evaluation.params.maxDets = [LIMIT]
        evaluation.params.areaRng = [[low**2, high**2] for low, high in HEIGHTS.values()]
        evaluation.params.areaRngLbl = list(HEIGHTS)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _annotation(number: int, image: int, box: Floats, scale: float) -> dict[str, Any]:
    """A box in COCO's form."""
    x, y, width, height = (float(v) for v in (box[0], box[1], box[2] - box[0], box[3] - box[1]))
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x, y, width, height],
        "area": (height * scale) ** 2,
    }


def _index(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face"}],
    }
    coco.createIndex()
    return coco


def mean_precision(evaluation: COCOeval, iou: int, height: int) -> float | None:
    """The mean over 101 recalls at IOUS[iou], of one range of HEIGHTS; None without such faces.

    iou, height: their numbers.
    """
    precision = evaluation.eval["precision"][iou, :, 0, height, 0]
    return float(precision.mean()) if np.all(precision > -1) else None


def matches(evaluation: COCOeval) -> tuple[Flags, Flags, int]:
    """At the first of IOUS: which faces are found, which count, and the number of false alarms.

    The first two are bool (heights, faces), in the order of the pictures' faces.
    """
    shape = len(HEIGHTS), len(evaluation.cocoGt.anns)
    found, counted, alarms = np.zeros(shape, bool), np.zeros(shape, bool), 0
    ranges = [tuple(span) for span in evaluation.params.areaRng]
    for result in evaluation.evalImgs:
        if result is None:
            continue
        height = ranges.index(tuple(result["aRng"]))
        ids = np.array(result["gtIds"], int) - 1
        found[height, ids] = result["gtMatches"][0] > 0
        counted[height, ids] = np.asarray(result["gtIgnore"]) == 0
        if height == 0:
            alarms += int(np.sum((result["dtMatches"][0] == 0) & ~result["dtIgnore"][0].astype(bool)))
    return found & counted, counted, alarms
