"""Figures of a face detector, by pycocotools (Lin et al. 2014): average precision, recall, false alarms; by category, height and lightness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.inference.anchors import Floats
from training.detector.coco import HEIGHTS, Judged, _ap, _evaluate, _matches

LIGHTNESS: dict[str, tuple[float, float]] = {
    "<60": (0, 60),
    "60-85": (60, 85),
    "85-110": (85, 110),
    "110-140": (110, 140),
    ">=140": (140, 256),
}
"""Ranges of a face's median grey value where no mask is. Dark are skin, shade, or both: a detector that loses these serves some people worse."""

MAX_ALARMED = 2
"""So many in 100 pictures without people may give false alarms at the default threshold, on the validation part.

Pictures, not alarms: a plate of coffee beans gives thirty at once, and is one view that a camera may have, like any other.
"""

F1_SLACK = 0.01
"""F1 this far below its best counts as equal: the curve is flat there, and some of the false alarms that bend it are faces that nobody labelled."""


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


def _share(part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None
