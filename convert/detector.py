"""The detector's part of `convert.quantize` and `convert.verify`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from convert.cards import base_card, names_of, read_notes, read_run, today, write_card
from convert.edgetpu.device import edgetpu_entry, run_on_edgetpu
from convert.export import Floats, float_model, quantise_model
from convert.layers import draw, layer_entries
from edge.errors import DataError, PictureError
from edge.inference.anchors import pairwise_iou
from edge.inference.card import load_card
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from training.datasets.scenes import BACKGROUND, Scene
from training.detector.coco import Judged
from training.detector.evaluate import evaluate_detector, load_detector, select_scenes
from training.detector.judging import judge_files, keras_finder
from training.detector.metrics import average_precision, best_threshold
from training.detector.network import build_detector
from training.detector.shape import DetectorShape, read_shape, shape_entry
from training.detector.trunks import LIGHT, TRUNKS
from training.runs import MODEL, SPLIT, load_keras_model

WHAT_IS_MEASURED = (
    "AP by pycocotools at IoU 0.35 and 0.50, recall at the score threshold and IoU 0.35; "
    "faces of 20 px and more at long side 640 unless by_height"
)
"""What a card says about its figures."""

FROM_RUN = ("arguments", "pictures", "sources", "teacher")
"""Entries of a run's `config.json` that the card repeats."""

AGREE_IOU = 0.5
"""Overlap from which two models' boxes are the same."""


def draw_by_source(scenes: Sequence[Scene], count: int, seed: int) -> list[Scene]:
    """At most `count` scenes at random, with an equal share for each source that has enough of them."""
    by_source: dict[str, list[Scene]] = {}
    for i in np.random.default_rng(seed).permutation(len(scenes)):
        by_source.setdefault(scenes[i].source, []).append(scenes[i])
    share = -(-count // len(by_source))
    return [scene for members in by_source.values() for scene in members[:share]][:count]


def calibration_pictures(scenes: Sequence[Scene], shape: DetectorShape) -> Floats:
    """Some scenes as the model's input, float32 (N, height, width, 3).

    Unreadable ones are named on stderr and left out. Raises DataError if none is left.
    """
    pictures = []
    for scene in scenes:
        try:
            pictures.append(normalise(resize(read_picture(scene.file), shape.width, shape.height)))
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not pictures:
        raise DataError("no readable picture to calibrate with", "check --data")
    return np.stack(pictures)


def detector_at(
    run: Path, config: dict[str, Any], size: tuple[int, int] | None
) -> tuple[keras.Model, DetectorShape]:
    """A run's float model and its geometry. config: the run's `config.json`.

    size: (width, height) px of another input, multiples of 32. The weights fit any.
    """
    shape = read_shape(config["shape"])
    if size is not None:
        shape = replace(shape, width=size[0], height=size[1])
    model = build_detector(shape, config["width"], trunk=_trunk(config))
    model.set_weights(load_keras_model(run / MODEL).get_weights())
    return model, shape


def _trunk(config: dict[str, Any]) -> str:
    """Runs of earlier versions do not say it: they had no other than LIGHT."""
    return str(config.get("trunk", LIGHT))


def quantise_detector(arguments: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any]:
    """Write the detector's int8 file; returns its card. config: the run's `config.json`."""
    run, out = arguments.model, arguments.out
    model, shape = detector_at(run, config, arguments.input)
    training = select_scenes(arguments.data, run / SPLIT, "train", None)
    drawn = draw_by_source(training, arguments.calibration, arguments.seed)
    calibration = calibration_pictures(drawn, shape)
    out.write_bytes(quantise_model(model, calibration))
    strides = ", ".join(str(level.stride) for level in shape.levels)
    detector = {
        "outputs": "raw",
        **shape_entry(shape),
        "score_threshold": config["score_threshold"],
        "iou_threshold": config["iou_threshold"],
    }
    card = base_card(out, "detection", read_notes(arguments.notes)) | {
        "detector": detector,
        "box_convention": config["box_convention"],
        "architecture": f"single shot, {TRUNKS[_trunk(config)]}, width {config['width']}, strides {strides}",
        "training": {key: config[key] for key in FROM_RUN},
        "quantisation": {
            "kind": "int8, full integer, post-training",
            "calibration_pictures": len(calibration),
            "seed": arguments.seed,
        },
    }
    write_card(out, card)  # the detector refuses a model without a card
    held_out = select_scenes(arguments.data, run / SPLIT, "val", None)
    detector["score_threshold"] = best_threshold(judge_files(load_detector(out).find, held_out)[0])
    write_card(out, card)
    return card | {"metrics": _metrics_entry(arguments)}


def _metrics_entry(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the int8 file on the test part, and how to repeat them."""
    return {
        "measured_on": "int8 file, test part of the run's split (by group)",
        "what": WHAT_IS_MEASURED,
        "command": shlex.join(["python", "-m", "convert.quantize", *_public_arguments(arguments)]),
        "date": today(),
        **evaluate_detector(arguments.out, arguments.data, arguments.model / SPLIT),
    }


def _public_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command's arguments with folders by their last part."""
    words = ["--model", arguments.model.name, "--data", *names_of(arguments.data)]
    words += ["--out", f"models/{arguments.out.name}"]
    words += ["--input", "x".join(map(str, arguments.input))] if arguments.input else []
    return [*words, "--calibration", str(arguments.calibration), "--seed", str(arguments.seed)]


def verify_detector(arguments: argparse.Namespace) -> dict[str, Any]:
    """Average precision of the float, the int8 and, where it can run, the compiled model.

    All are measured on the same pictures. It also says how far their boxes agree.
    """
    scenes = select_scenes(arguments.data, arguments.split, arguments.part, arguments.source)
    card, quantised = load_card(arguments.int8), load_detector(arguments.int8)
    run = arguments.float.parent
    config = read_run(run)
    model, shape = detector_at(run, config, (card.width, card.height))
    expected, readable, _ = judge_files(keras_finder(model, shape, config["iou_threshold"]), scenes)
    got, _, _ = judge_files(quantised.find, readable)
    assert quantised.model is not None
    compiled, why = run_on_edgetpu(quantised.model, lambda: judge_files(quantised.find, readable)[0])
    report: dict[str, Any] = {
        "n": len(readable),
        "faces": sum(int(np.sum(~picture.ignored)) for picture in expected),
        "agreement": box_agreement(expected, got, quantised.threshold),
        "float": _precision(expected),
        "int8": _precision(got),
        "edgetpu": edgetpu_entry(why),
    }
    if compiled is not None:
        agreement = box_agreement(got, compiled, quantised.threshold)
        report["edgetpu"] |= _precision(compiled) | {"agreement": agreement}
    if arguments.layers:
        pictures = (
            resize(read_picture(scene.file), card.width, card.height)
            for scene in draw(readable, arguments.layer_pictures)
        )
        report["layers"] = layer_entries(float_model(model), arguments.int8, pictures)
    return report


def _precision(judged: Sequence[Judged]) -> dict[str, float | None]:
    """Average precision at both IoUs, over the pictures with people."""
    faces = [picture for picture in judged if picture.source != BACKGROUND]
    return {"ap35": average_precision(faces, 0), "ap50": average_precision(faces, 1)}


def box_agreement(expected: Sequence[Judged], got: Sequence[Judged], threshold: float) -> float:
    """The share of the first model's boxes at `threshold` that the second model has too, 0..1.

    It has a box if one overlaps it by AGREE_IOU and scores at least two thirds of the threshold.
    """
    both = total = 0
    for one, other in zip(expected, got, strict=True):
        boxes, others = one.found[one.scores >= threshold], other.found[other.scores >= threshold * 2 / 3]
        total += len(boxes)
        both += int(np.sum(pairwise_iou(boxes, others).max(axis=1, initial=0) >= AGREE_IOU))
    return both / total if total else 1.0
