"""The detector's part of `python -m training.evaluate`: its figures on scenes and on backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.inference.anchors import Floats
from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import TFLiteModel
from edge.pictures.files import read_picture
from edge.types import Frame, Pixels
from training.datasets.coco import annotations_of
from training.datasets.scenes import Scene, read_backgrounds, read_scenes
from training.datasets.splits import select
from training.detector.judging import LOWEST_SCORE, FindFaces, judge_files, keras_finder
from training.detector.metrics import detection_metrics
from training.detector.report import draw_report
from training.detector.shape import read_shape
from training.runs import load_keras_model, read_config


@dataclass(frozen=True, slots=True)
class LoadedDetector:
    """A detector that is ready to be judged."""

    find: FindFaces
    threshold: float
    """Its default score threshold."""
    model: TFLiteModel | None = None
    """None for a Keras model."""


def load_detector(path: Path, threads: int = 0) -> LoadedDetector:
    """A `.tflite` file, run by the code of the Pi, or a `.keras` file in its run folder.

    Raises ModelError.
    """
    if path.suffix == ".keras":
        return _load_keras(path)
    detector = SSDFaceDetector(path, threads, score_threshold=LOWEST_SCORE)
    assert detector.card.detector is not None

    def find(pixels: Pixels) -> tuple[Floats, Floats]:
        found = detector.detect(Frame(pixels, 0, 0.0, "evaluation"))
        corners = [(f.box.xmin, f.box.ymin, f.box.xmax, f.box.ymax) for f in found]
        scores = np.array([f.score for f in found], np.float32)
        return np.array(corners, np.float32).reshape(-1, 4), scores

    return LoadedDetector(find, detector.card.detector.score_threshold, detector.model)


def _load_keras(path: Path) -> LoadedDetector:
    config = read_config(path.parent)
    find = keras_finder(load_keras_model(path), read_shape(config["shape"]), config["iou_threshold"])
    return LoadedDetector(find, config["score_threshold"])


def select_scenes(
    folders: Sequence[Path], split: Path | None, part: str, sources: Sequence[str] | None
) -> list[Scene]:
    """The scenes of some folders, of one part of a split, of some sources. Raises DataError if none is left.

    A folder without `annotations.json` holds pictures without people.
    """
    scenes: list[Scene] = []
    for folder in folders:
        scenes += read_scenes(folder) if annotations_of(folder) else read_backgrounds(folder)
    return select(scenes, folders, split, part, sources)


def evaluate_detector(
    path: Path,
    folders: Sequence[Path],
    split: Path | None = None,
    part: str = "test",
    sources: Sequence[str] | None = None,
    threads: int = 0,
    report: Path | None = None,
    threshold: float | None = None,
) -> dict[str, Any]:
    """All figures of one detector file, ready for JSON.

    report: folder for plots and contact sheets. threshold: in place of the file's own.
    """
    detector = load_detector(path, threads)
    if threshold is not None:
        detector = replace(detector, threshold=threshold)
    judged, scenes, unreadable = judge_files(detector.find, select_scenes(folders, split, part, sources))
    if report:
        draw_report(judged, [read_picture(scene.file) for scene in scenes], detector.threshold, report)
    return detection_metrics(judged, detector.threshold) | {"unreadable": unreadable}


def detection_text(figures: dict[str, Any]) -> str:
    """The figures of `detection_metrics` as a few lines for a person.

    They are for faces of 20 px and more at long side 640, unless a line says otherwise.
    """
    lines = [f"{'':26} AP@0.35 AP@0.50 recall  false alarms/picture  pictures"]
    every = figures["all"]
    rows = ({"all": every} if every else {}) | figures["per_source"]
    for name, row in rows.items():
        lines.append(f"{name:26} {_three(row)} {row['false_alarms_per_picture']:14.3f} {row['pictures']:14}")
    lines += [*(_detail_lines(every) if every else []), ""]
    if figures["backgrounds"]:
        lines.append(
            f"{figures['false_alarms_per_100_backgrounds']:.2f} false alarms in 100 background pictures "
            f"(of {figures['backgrounds']}), in {figures['alarmed_per_100_backgrounds']:.2f} of 100"
        )
    lines.append(f"score threshold {figures['threshold']}, unreadable {figures.get('unreadable', 0)}")
    return "\n".join(lines)


def _detail_lines(figures: dict[str, Any]) -> list[str]:
    """By height, by category and by lightness."""
    lines = ["", f"{'height, px':26} AP@0.35 AP@0.50 recall  faces"]
    lines += [f"{name:26} {_three(row)} {row['n']:6}" for name, row in figures["by_height"].items()]
    for title, key in (("category", "recall_per_category"), ("lightness, 0..255", "recall_by_lightness")):
        lines += ["", f"{title:26} recall  faces"]
        lines += [f"{name:26} {_number(row['recall'])} {row['n']:6}" for name, row in figures[key].items()]
    return lines


def _three(row: dict[str, Any]) -> str:
    return "  ".join(_number(row[key]) for key in ("ap35", "ap50", "recall"))


def _number(value: float | None) -> str:
    return "   n/a" if value is None else f"{value:.4f}"
