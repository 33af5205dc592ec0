"""Figures of a face detector: average precision, recall, false alarms; by category, height and lightness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge.inference.anchors import Floats
from training.datasets.scenes import BACKGROUND
from training.detector.coco import HEIGHTS, Flags, Judged, evaluate_boxes, matches, mean_precision

LIGHTNESS: dict[str, tuple[float, float]] = {
    "<60": (0, 60),
    "60-85": (60, 85),
    "85-110": (85, 110),
    "110-140": (110, 140),
    ">=140": (140, 256),
}
"""Ranges of the median grey value of a face's upper half, where no mask is.

Dark means skin, shade or both. A detector that misses these faces serves some people worse.
"""

MAX_ALARMED = 2
"""Of 100 pictures without people in the validation part, at most this many may give a false alarm.

This is for the default threshold. Pictures are counted, not alarms: a plate of coffee beans gives thirty at
once, and is one view that a camera can have, like any other.
"""

F1_SLACK = 0.01
"""An F1 that is lower than the best by at most this counts as equally good.

The curve is flat there, and some of the false alarms that bend it are faces that nobody labelled.
"""


def detection_metrics(pictures: Sequence[Judged], threshold: float) -> dict[str, Any]:
    """All figures of one evaluation, ready for JSON: over all pictures and for each source.

    Pictures whose source is BACKGROUND are counted apart.
    """
    scenes = [picture for picture in pictures if picture.source != BACKGROUND]
    empty = [picture for picture in pictures if picture.source == BACKGROUND]
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
    """The figures of some scenes."""
    every = evaluate_boxes(pictures, 0.0)
    found, counted, alarms = matches(evaluate_boxes(pictures, threshold))
    labels = np.array([label for picture in pictures for label in picture.labels])
    lightness = np.concatenate([picture.lightness for picture in pictures])

    def recall_of(chosen: Flags) -> dict[str, Any]:
        return {
            "recall": _share(found[0] & chosen, counted[0] & chosen),
            "n": int(np.sum(counted[0] & chosen)),
        }

    heights = {
        name: {
            "ap35": mean_precision(every, 0, i),
            "ap50": mean_precision(every, 1, i),
            "recall": _share(found[i], counted[i]),
            "n": int(counted[i].sum()),
        }
        for i, name in enumerate(HEIGHTS)
    }
    return {
        "pictures": len(pictures),
        "ap35": mean_precision(every, 0, 0),
        "ap50": mean_precision(every, 1, 0),
        "recall": _share(found[0], counted[0]),
        "recall_per_category": {str(name): recall_of(labels == name) for name in np.unique(labels)},
        "recall_by_lightness": {
            name: recall_of((lightness >= low) & (lightness < high))
            for name, (low, high) in LIGHTNESS.items()
        },
        "false_alarms_per_picture": alarms / len(pictures),
        "by_height": heights,
    }


def _share(part: Flags, whole: Flags) -> float | None:
    """Faces of a part by faces of the whole; None if there are none."""
    return float(part.sum() / whole.sum()) if whole.any() else None


def average_precision(pictures: Sequence[Judged], iou: int = 0) -> float | None:
    """AP of the faces of 20 px and more, at IOUS[iou]; None without such faces."""
    return mean_precision(evaluate_boxes(pictures, 0.0), iou, 0)


def precision_recall(pictures: Sequence[Judged]) -> tuple[Floats, Floats, Floats]:
    """The curve behind `average_precision`: recall, precision and score, float32 (101,) each."""
    evaluation = evaluate_boxes(pictures, 0.0)
    precision, scores = (
        evaluation.eval[key][0, :, 0, 0, 0].astype(np.float32) for key in ("precision", "scores")
    )
    return np.asarray(evaluation.params.recThrs, np.float32), precision, scores


def best_threshold(pictures: Sequence[Judged]) -> float:
    """The default score threshold, to two decimals, 0.05..0.95.

    The lowest score at which F1 of the faces of 20 px and more is at most F1_SLACK below its best, and at
    which no more than MAX_ALARMED in 100 backgrounds give an alarm.
    """
    scenes = [picture for picture in pictures if picture.source != BACKGROUND]
    recall, precision, scores = precision_recall(scenes)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
    threshold = float(scores[f1 >= f1.max() - F1_SLACK].min())
    empty = [picture for picture in pictures if picture.source == BACKGROUND]
    if empty:
        threshold = max(threshold, _quiet_threshold(empty))
    return round(float(np.clip(threshold, 0.05, 0.95)), 2)


def _quiet_threshold(empty: Sequence[Judged]) -> float:
    """The next hundredth above the score at which one background too many gives an alarm.

    Not a whole hundredth above it: that would cost faces.
    """
    highest = sorted((float(picture.scores.max(initial=0)) for picture in empty), reverse=True)
    first_too_many = highest[int(len(empty) * MAX_ALARMED / 100)]
    return (math.floor(first_too_many * 100) + 1) / 100
