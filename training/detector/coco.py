"""COCO's evaluation of boxes."""

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

LONG_SIDE = 640
"""Face heights are told as if each picture's longer side had so many pixels."""


HEIGHTS: dict[str, tuple[float, float]] = {
    ">=20": (20, 1e5),
    "8-16": (8, 16),
    "16-32": (16, 32),
    "32-64": (32, 64),
    ">64": (64, 1e5),
}
"""Ranges of face height, px at LONG_SIDE. The first is the one that the headline figures are for."""


IOUS = (0.35, 0.5)


LIMIT = 200
"""Detections of a picture that are looked at: as many as the runtime keeps."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One picture: its faces as labelled, and as found.

    width, height: px. boxes: float32 (N, 4) corners px. labels: N category names. ignored: bool (N,). lightness: float32 (N,), median grey value
    0..255 of the upper half. found: float32 (M, 4) corners px. scores: float32 (M,).
    """

    source: str
    width: int
    height: int
    boxes: Floats
    labels: tuple[str, ...]
    ignored: npt.NDArray[np.bool_]
    lightness: Floats
    found: Floats
    scores: Floats


def _evaluate(pictures: Sequence[Judged], threshold: float) -> COCOeval:
    """COCO's evaluation with our IoUs. Its area ranges are told heights: each box's area is given as the square of its height."""
    truth, found, images = [], [], []
    for number, picture in enumerate(pictures, start=1):
        scale = LONG_SIDE / max(picture.width, picture.height)
        images.append({"id": number})
        for box, ignored in zip(picture.boxes, picture.ignored, strict=True):
            truth.append(_note(len(truth) + 1, number, box, scale) | {"iscrowd": int(ignored)})
        for box, score in zip(picture.found, picture.scores, strict=True):
            if score >= threshold:
                found.append(_note(len(found) + 1, number, box, scale) | {"score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(_index(images, truth), _index(images, found), "bbox")
        judge.params.iouThrs = np.array(IOUS)
        judge.params.maxDets = [LIMIT]
        judge.params.areaRng = [[low**2, high**2] for low, high in HEIGHTS.values()]
        judge.params.areaRngLbl = list(HEIGHTS)
        judge.evaluate()
        judge.accumulate()
    return judge


def _note(number: int, image: int, box: Floats, scale: float) -> dict[str, Any]:
    x, y, width, height = (float(v) for v in (box[0], box[1], box[2] - box[0], box[3] - box[1]))
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x, y, width, height],
        "area": (height * scale) ** 2,
    }


def _index(images: list[dict[str, Any]], notes: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": images,
        "annotations": notes,
        "categories": [{"id": 1, "name": "face"}],
    }
    coco.createIndex()
    return coco


def _ap(judge: COCOeval, iou: int, height: int) -> float | None:
    """Mean precision over 101 recalls; None where there is no face of that height."""
    precision = judge.eval["precision"][iou, :, 0, height, 0]
    return float(precision.mean()) if np.all(precision > -1) else None


def _matches(judge: COCOeval) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], int]:
    """At IoU 0.35: which faces were found and which count, bool (heights, faces) in the order of the annotations, and the false alarms."""
    faces = len(judge.cocoGt.anns)
    found, counted, alarms = np.zeros((len(HEIGHTS), faces), bool), np.zeros((len(HEIGHTS), faces), bool), 0
    ranges = [tuple(span) for span in judge.params.areaRng]
    for result in judge.evalImgs:
        if result is None:
            continue
        height = ranges.index(tuple(result["aRng"]))
        ids = np.array(result["gtIds"], int) - 1
        found[height, ids] = result["gtMatches"][0] > 0
        counted[height, ids] = np.asarray(result["gtIgnore"]) == 0
        if height == 0:
            alarms += int(np.sum((result["dtMatches"][0] == 0) & ~result["dtIgnore"][0].astype(bool)))
    return found & counted, counted, alarms
