"""What a detector's training leaves in its run folder."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from training.datasets.conventions import BOX_CONVENTION
from training.detector.judging import judge_loaded, keras_finder
from training.detector.metrics import best_threshold, detection_metrics
from training.detector.network import build_detector
from training.detector.parts import DetectorParts
from training.detector.report import draw_report
from training.detector.shape import DetectorShape
from training.runs import CONFIG, HISTORY, METRICS, MODEL, read_history, recorded_arguments, write_json

IOU_THRESHOLD = 0.4
"""Overlap from which non-maximum suppression takes two boxes for one face."""

DEFAULT_THRESHOLD = 0.5
"""The score threshold of a run without a validation part."""


def write_results(
    model: keras.Model, shape: DetectorShape, parts: DetectorParts, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Write model, history, figures and plots into `--out`; returns the figures of the held-out parts."""
    out: Path = arguments.out
    plain = build_detector(shape, arguments.width, trunk=arguments.trunk)
    plain.set_weights(model.get_weights())
    plain.save(out / MODEL)
    write_json(out / "history.json", read_history(out / HISTORY))
    find = keras_finder(plain, shape, IOU_THRESHOLD)
    judged = {part: judge_loaded(items, find) for part, items in parts.held_out.items() if items}
    threshold = best_threshold(judged["val"]) if "val" in judged else DEFAULT_THRESHOLD
    figures = {part: detection_metrics(pictures, threshold) for part, pictures in judged.items()}
    for part, pictures in judged.items():
        draw_report(pictures, [pixels for _, pixels in parts.held_out[part]], threshold, out / part)
    write_json(out / METRICS, figures)
    write_config(shape, parts, arguments, threshold)
    return figures


def write_config(
    shape: DetectorShape, parts: DetectorParts, arguments: argparse.Namespace, threshold: float
) -> None:
    """Write what the model needs to be used and the run to be repeated."""
    counts = {
        "scenes": len(parts.scenes),
        "faces": len(parts.faces),
        "backgrounds": len(parts.backgrounds),
    }
    config = {
        "task": "detection",
        "shape": asdict(shape),
        "trunk": arguments.trunk,
        "width": arguments.width,
        "score_threshold": threshold,
        "iou_threshold": IOU_THRESHOLD,
        "box_convention": BOX_CONVENTION,
        "teacher": arguments.teacher.name if arguments.teacher else None,
        "arguments": recorded_arguments(arguments),
        "pictures": counts | {part: len(items) for part, items in parts.held_out.items()},
        "sources": dict(sorted(Counter(scene.source for scene, _ in parts.scenes + parts.faces).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    write_json(arguments.out / CONFIG, config)
