"""Figures of a face detector, by pycocotools (Lin et al. 2014): average precision, recall, false alarms; by category, height and lightness."""

from __future__ import annotations

import contextlib
import io
import math
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

LIGHTNESS: dict[str, tuple[float, float]] = {
    "<60": (0, 60),
    "60-85": (60, 85),
    "85-110": (85, 110),
    "110-140": (110, 140),
    ">=140": (140, 256),
}
"""Ranges of a face's median grey value where no mask is. Dark are skin, shade, or both: a detector that loses these serves some people worse."""

IOUS = (0.35, 0.5)
MAX_ALARMED = 2
"""So many in 100 pictures without people may give false alarms at the default threshold, on the validation part.

Pictures, not alarms: a plate of coffee beans gives thirty at once, and is one view that a camera may have, like any other.
"""

F1_SLACK = 0.01
"""F1 this far below its best counts as equal: the curve is flat there, and some of the false alarms that bend it are faces that nobody labelled."""

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


def detection_metrics(pictures: Sequence[Judged], threshold: float) -> dict[str, Any]:
    """All figures of one evaluation, ready for JSON: over all pictures and per source. Pictures whose source is `background` count apart."""
    scenes = [picture for picture in pictures if picture.source != "background"]
    empty = [picture for picture in pictures if picture.source == "background"]
    sources = sorted({picture.source for picture in scenes})
    alarms = np.array([np.sum(picture.scores >= threshold) for picture in empty])
    return {
        "threshold": threshold,
        "all": _figures(scenes, threshold) if scenes else None,
        "per_source": {
            source: _figures([p for p in scenes if p.source == source], threshold) for source in sources
        },
        "false_alarms_per_100_backgrounds": 100 * float(np.mean(alarms)) if empty else None,
        "alarmed_per_100_backgrounds": 100 * float(np.mean(alarms > 0)) if empty else None,
        "backgrounds": len(empty),
    }


def _figures(pictures: Sequence[Judged], threshold: float) -> dict[str, Any]:
    every = _evaluate(pictures, 0.0)
    at_threshold = _evaluate(pictures, threshold)
    labels = np.array([label for picture in pictures for label in picture.labels])
    found, counted, alarms = _matches(at_threshold)
    lightness = np.concatenate([picture.lightness for picture in pictures])

    def recall_of(chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "recall": _share(found[0] & chosen, counted[0] & chosen),
            "n": int(np.sum(counted[0] & chosen)),
        }

    heights = {
        name: {
            "ap35": _ap(every, 0, i),
            "ap50": _ap(every, 1, i),
            "recall": _share(found[i], counted[i]),
            "n": int(counted[i].sum()),
        }
        for i, name in enumerate(HEIGHTS)
    }
    return {
        "pictures": len(pictures),
        "ap35": _ap(every, 0, 0),
        "ap50": _ap(every, 1, 0),
        "recall": _share(found[0], counted[0]),
        "recall_per_category": {str(name): recall_of(labels == name) for name in np.unique(labels)},
        "recall_by_lightness": {
            name: recall_of((lightness >= low) & (lightness < high))
            for name, (low, high) in LIGHTNESS.items()
        },
        "false_alarms_per_picture": alarms / len(pictures),
        "by_height": heights,
    }


def average_precision(pictures: Sequence[Judged], iou: int = 0) -> float | None:
    """AP of the faces of 20 px and more, at IOUS[iou]; None without such faces."""
    return _ap(_evaluate(pictures, 0.0), iou, 0)


def precision_recall(pictures: Sequence[Judged]) -> tuple[Floats, Floats, Floats]:
    """The curve behind `average_precision` at IoU 0.35: recall, precision and score, float32 (101,) each."""
    judge = _evaluate(pictures, 0.0)
    recall = np.asarray(judge.params.recThrs, np.float32)
    return (
        recall,
        judge.eval["precision"][0, :, 0, 0, 0].astype(np.float32),
        judge.eval["scores"][0, :, 0, 0, 0].astype(np.float32),
    )


def best_threshold(pictures: Sequence[Judged]) -> float:
    """The default score threshold, to two decimals, 0.05..0.95.

    The lowest score at which F1 of the faces of 20 px and more is within F1_SLACK of its best and no more than MAX_ALARMED in 100 backgrounds
    give an alarm.
    """
    recall, precision, scores = precision_recall(
        [picture for picture in pictures if picture.source != "background"]
    )
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    threshold = float(scores[f1 >= f1.max() - F1_SLACK].min())
    empty = [picture for picture in pictures if picture.source == "background"]
    if empty:
        highest = sorted((float(picture.scores.max(initial=0)) for picture in empty), reverse=True)
        first_too_many = highest[int(len(empty) * MAX_ALARMED / 100)]
        threshold = max(
            threshold, (math.floor(first_too_many * 100) + 1) / 100
        )  # the next hundredth: a whole one more would cost faces
    return round(float(np.clip(threshold, 0.05, 0.95)), 2)


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


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None
