"""What a classifier's training leaves in its run folder."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.preprocess import CROP_MARGIN
from training.classifier.batches import EvaluationBatches
from training.classifier.metrics import classification_metrics, text_report
from training.classifier.parts import ClassifierParts
from training.classifier.plots import plot_evaluation, plot_learning_curves
from training.runs import CONFIG, METRICS, MODEL, recorded_arguments, write_json


def write_results(
    model: keras.Model,
    parts: ClassifierParts,
    history: dict[str, list[float]],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Write model, history, figures and plots into `--out`; returns the figures of the held-out parts."""
    out: Path = arguments.out
    model.save(out / MODEL)
    write_json(out / "history.json", history)
    if history:
        plot_learning_curves(history, out / "learning_curves.png")
    figures: dict[str, Any] = {}
    for part, samples in (("val", parts.val), ("test", parts.test)):
        if not samples:
            continue
        scores = model.predict(EvaluationBatches(samples, parts.labels, arguments.size), verbose=0)
        truth = np.array([parts.labels.index(sample.label) for sample in samples])
        figures[part] = classification_metrics(truth, scores, parts.labels) | {"unreadable": parts.unreadable}
        plot_evaluation(truth, scores, parts.labels, out / part)
        (out / f"{part}_report.txt").write_text(text_report(figures[part]) + "\n", encoding="utf-8")
    write_json(out / METRICS, figures)
    return figures


def write_config(parts: ClassifierParts, arguments: argparse.Namespace, lowered_by: float) -> None:
    """Write what the model needs to be used and the run to be repeated.

    lowered_by: the number that `training.classifier.balance.balance` chose.
    """
    config = {
        "task": "classification",
        "backbone": arguments.backbone,
        "labels": list(parts.labels),
        "size": arguments.size,
        "alpha": arguments.alpha,
        "crop_margin": CROP_MARGIN,
        "with_mask_logit_lowered_by": lowered_by,
        "arguments": recorded_arguments(arguments) | {"weights": Path(arguments.weights).name},
        "samples": {"train": len(parts.train), "val": len(parts.val), "test": len(parts.test)},
        "sources": dict(sorted(Counter(sample.source for sample in parts.train).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    write_json(arguments.out / CONFIG, config)
