"""The detector's part of `convert.quantize` and `convert.verify`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from convert.cards import base_card, read_notes, read_run, write_card
from convert.edgetpu.device import edgetpu_entry, run_on_edgetpu
from convert.export import Floats, float_model, quantise_model
from convert.layers import draw, layer_entries
from edge.errors import DataError, PictureError
from edge.inference.anchors import pairwise_iou
from edge.inference.card import load_card
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from training.datasets.scenes import Scene
from training.detector.coco import Judged
from training.detector.evaluate import evaluate_detector, load_detector, select_scenes
from training.detector.judging import judge_scenes, keras_finder
from training.detector.metrics import average_precision, best_threshold
from training.detector.network import LIGHT, TRUNKS, build_detector
from training.detector.shape import DetectorShape, read_shape, shape_entry

WHAT_IS_MEASURED = "AP by pycocotools at IoU 0.35 and 0.50, recall at the score threshold and IoU 0.35; faces of 20 px and more at long side 640 unless by_height"


def calibration_pictures(scenes: Sequence[Scene], shape: DetectorShape, count: int, seed: int) -> Floats:
    """float32 (N, height, width, 3), drawn evenly over the sources. Unreadable ones are named on stderr. Raises DataError where none is left."""
    order = np.random.default_rng(seed).permutation(len(scenes))
    by_source: dict[str, list[Scene]] = {}
    for i in order:
        by_source.setdefault(scenes[i].source, []).append(scenes[i])
    pictures = []
    for scene in [
        scene for members in by_source.values() for scene in members[: -(-count // len(by_source))]
    ][:count]:
        try:
            pictures.append(normalise(resize(read_picture(scene.file), shape.width, shape.height)))
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not pictures:
        raise DataError("no readable picture to calibrate with; check --data")
    return np.stack(pictures)


def detector_at(
    run: Path, config: dict[str, Any], size: tuple[int, int] | None
) -> tuple[keras.Model, DetectorShape]:
    """A run's float model, for another input size (width, height) px where one is given: its weights fit any multiple of 32."""
    shape = read_shape(config["shape"])
    if size is not None:
        shape = replace(shape, width=size[0], height=size[1])
    model = build_detector(shape, config["width"], trunk=_trunk(config))
    model.set_weights(keras.models.load_model(run / "model.keras", compile=False).get_weights())
    return model, shape


def _trunk(config: dict[str, Any]) -> str:
    """Runs of earlier versions don't say it: they had no other."""
    return str(config.get("trunk", LIGHT))


def quantise_detector(arguments: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any]:
    """Write the detector's int8 file; returns its card."""
    run: Path = arguments.model
    model, shape = detector_at(run, config, arguments.input)
    training = select_scenes(arguments.data, run / "split.csv", "train", None)
    calibration = calibration_pictures(training, shape, arguments.calibration, arguments.seed)
    arguments.out.write_bytes(quantise_model(model, calibration))
    strides = ", ".join(str(level.stride) for level in shape.levels)
    detector = {
        "outputs": "raw",
        **shape_entry(shape),
        "score_threshold": config["score_threshold"],
        "iou_threshold": config["iou_threshold"],
    }
    card = base_card(arguments.out, "detection", read_notes(arguments.notes)) | {
        "detector": detector,
        "box_convention": config["box_convention"],
        "architecture": f"single shot, {TRUNKS[_trunk(config)]}, width {config['width']}, strides {strides}",
        "training": {key: config[key] for key in ("arguments", "pictures", "sources", "teacher")},
        "quantisation": {
            "kind": "int8, full integer, post-training",
            "calibration_pictures": len(calibration),
            "seed": arguments.seed,
        },
    }
    write_card(arguments.out, card)  # the detector refuses a model without a card
    validation, _, _ = judge_scenes(
        load_detector(arguments.out).find, select_scenes(arguments.data, run / "split.csv", "val", None)
    )
    detector["score_threshold"] = best_threshold(validation)
    write_card(arguments.out, card)
    card["metrics"] = {
        "measured_on": "int8 file, test part of the run's split (by group)",
        "what": WHAT_IS_MEASURED,
        "command": shlex.join(["python", "-m", "convert.quantize", *_public_arguments(arguments)]),
        "date": datetime.now(UTC).date().isoformat(),
        **evaluate_detector(arguments.out, arguments.data, run / "split.csv"),
    }
    return card


def _public_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command's arguments with folders by their name alone."""
    words = [
        "--model",
        arguments.model.name,
        "--data",
        *(folder.name for folder in arguments.data),
        "--out",
        f"models/{arguments.out.name}",
    ]
    words += ["--input", "x".join(map(str, arguments.input))] if arguments.input else []
    return [*words, "--calibration", str(arguments.calibration), "--seed", str(arguments.seed)]


def verify_detector(arguments: argparse.Namespace) -> dict[str, Any]:
    """Average precision of the float, the int8 and, where it can run, the compiled model on the same pictures, and how their boxes agree."""
    scenes = select_scenes(arguments.data, arguments.split, arguments.part, arguments.source)
    card, quantised = load_card(arguments.int8), load_detector(arguments.int8)
    config = read_run(arguments.float.parent)
    model, shape = detector_at(arguments.float.parent, config, (card.width, card.height))
    expected, readable, _ = judge_scenes(keras_finder(model, shape, config["iou_threshold"]), scenes)
    got, _, _ = judge_scenes(quantised.find, readable)
    assert quantised.model is not None
    compiled, why = run_on_edgetpu(quantised.model, lambda: judge_scenes(quantised.find, readable)[0])
    report: dict[str, Any] = {
        "n": len(readable),
        "agreement": box_agreement(expected, got, quantised.threshold),
    }
    report |= {"float": _precision(expected), "int8": _precision(got), "edgetpu": edgetpu_entry(why)}
    if compiled is not None:
        report["edgetpu"] |= _precision(compiled) | {
            "agreement": box_agreement(got, compiled, quantised.threshold)
        }
    if arguments.layers:
        pictures = (
            resize(read_picture(scene.file), card.width, card.height)
            for scene in draw(readable, arguments.layer_pictures)
        )
        report["layers"] = layer_entries(float_model(model), arguments.int8, pictures)
    return report


def _precision(judged: Sequence[Judged]) -> dict[str, float | None]:
    faces = [picture for picture in judged if picture.source != "background"]
    return {"ap35": average_precision(faces, 0), "ap50": average_precision(faces, 1)}


def box_agreement(expected: Sequence[Judged], got: Sequence[Judged], threshold: float) -> float:
    """The part of the first model's boxes at `threshold` that the second has, too: IoU 0.5, and a score not below two thirds of the threshold."""
    both = total = 0
    for one, other in zip(expected, got, strict=True):
        boxes, others = one.found[one.scores >= threshold], other.found[other.scores >= threshold * 2 / 3]
        total += len(boxes)
        both += int(np.sum(pairwise_iou(boxes, others).max(axis=1, initial=0) >= 0.5))
    return both / total if total else 1.0
