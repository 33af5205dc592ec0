"""What a detector's training leaves in its run folder."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from training.datasets.conventions import BOX_CONVENTION
from training.detector.judging import judge_pictures
from training.detector.metrics import best_threshold, detection_metrics
from training.detector.network import build_detector
from training.detector.parts import Parts
from training.detector.report import draw_report
from training.detector.shape import DetectorShape
from training.runs import HISTORY, read_history, recorded_arguments

IOU_THRESHOLD = 0.4
"""Of non-maximum suppression."""


def write_results(
    model: keras.Model, shape: DetectorShape, parts: Parts, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Model, history, threshold, figures and plots into `--out`; returns the figures of the part that no choice was made on."""
    out: Path = arguments.out
    plain = build_detector(shape, arguments.width, trunk=arguments.trunk)
    plain.set_weights(model.get_weights())
    plain.save(out / "model.keras")
    (out / "history.json").write_text(
        json.dumps(read_history(out / HISTORY), indent=1) + "\n", encoding="utf-8"
    )
    judged = {
        part: judge_pictures(plain, shape, items, IOU_THRESHOLD)
        for part, items in parts.held_out.items()
        if items
    }
    threshold = best_threshold(judged["val"]) if "val" in judged else 0.5
    figures = {part: detection_metrics(pictures, threshold) for part, pictures in judged.items()}
    for part, pictures in judged.items():
        draw_report(pictures, [pixels for _, pixels in parts.held_out[part]], threshold, out / part)
    (out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_config(shape, parts, arguments, threshold)
    return figures


def write_config(shape: DetectorShape, parts: Parts, arguments: argparse.Namespace, threshold: float) -> None:
    """What the model needs to be used and the run to be repeated."""
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
        "pictures": {
            "scenes": len(parts.scenes),
            "faces": len(parts.faces),
            "backgrounds": len(parts.backgrounds),
        }
        | {part: len(items) for part, items in parts.held_out.items()},
        "sources": dict(sorted(Counter(scene.source for scene, _ in parts.scenes + parts.faces).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
