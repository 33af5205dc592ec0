"""What a classifier's training leaves in its run folder."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.preprocess import CROP_MARGIN
from training.classifier.batches import EvaluationBatches
from training.classifier.metrics import classification_metrics, text_report
from training.classifier.parts import Parts
from training.classifier.plots import plot_evaluation, plot_learning_curves
from training.runs import recorded_arguments


def write_results(
    model: keras.Model, parts: Parts, history: dict[str, list[float]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Model, history, figures and plots into `--out`; returns the figures of the part that no choice was made on."""
    out: Path = arguments.out
    model.save(out / "model.keras")
    (out / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    if history:
        plot_learning_curves(history, out / "learning_curves.png")
    figures: dict[str, Any] = {}
    for part, samples in (("val", parts.val), ("test", parts.test)):
        if not samples:
            continue
        batches = EvaluationBatches(samples, parts.labels, arguments.size)
        scores = model.predict(batches, verbose=0)
        truth = np.array([parts.labels.index(sample.label) for sample in samples])
        figures[part] = classification_metrics(truth, scores, parts.labels) | {"unreadable": parts.unreadable}
        plot_evaluation(truth, scores, parts.labels, out / part)
        (out / f"{part}_report.txt").write_text(text_report(figures[part]) + "\n", encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def write_config(parts: Parts, arguments: argparse.Namespace, off: float) -> None:
    """What the model needs to be used and the run to be repeated. off: what `balance` chose."""
    config = {
        "task": "classification",
        "labels": list(parts.labels),
        "size": arguments.size,
        "alpha": arguments.alpha,
        "crop_margin": CROP_MARGIN,
        "with_mask_logit_lowered_by": off,
        "arguments": recorded_arguments(arguments) | {"weights": Path(arguments.weights).name},
        "samples": {"train": len(parts.train), "val": len(parts.val), "test": len(parts.test)},
        "sources": dict(sorted(Counter(sample.source for sample in parts.train).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
