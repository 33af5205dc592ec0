"""The classifier's part of `convert.quantize` and `convert.verify`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.bias import round_weights
from convert.cards import base_card, names_of, read_notes, today, write_card
from convert.edgetpu.device import edgetpu_entry, run_on_edgetpu
from convert.export import Floats, float_model, quantise_model
from convert.layers import draw, layer_entries
from edge.errors import DataError, PictureError
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from training.backbones.table import BACKBONES, backbone_name
from training.classifier.evaluate import (
    KerasScorer,
    TFLiteScorer,
    evaluate,
    headline,
    score_samples,
    select_samples,
)
from training.classifier.metrics import Scores, Truth, classification_metrics
from training.datasets.samples import Sample, present_labels, read_samples
from training.datasets.splits import read_split
from training.runs import MODEL, SPLIT, load_keras_model

ROUNDING_CROPS = 96
"""Calibration crops over which bias correction measures the means.

Means need fewer pictures than the extremes that the converter looks for.
"""

FROM_RUN = ("arguments", "samples", "sources", "with_mask_logit_lowered_by")
"""Entries of a run's `config.json` that the card repeats."""


def draw_evenly(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """At most `count` samples, taken in turn from every pair of class and source."""
    cells: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    rng = np.random.default_rng(seed)
    for i in rng.permutation(len(samples)):
        cells[samples[i].label, samples[i].source].append(samples[i])
    drawn: list[Sample] = []
    while len(drawn) < count and any(cells.values()):
        for key in sorted(cells):
            if cells[key] and len(drawn) < count:
                drawn.append(cells[key].pop())
    return drawn


def calibration_crops(samples: Sequence[Sample], size: int) -> Floats:
    """The crops of some samples, float32 (N, size, size, 3).

    Unreadable pictures are named on stderr and left out. Raises DataError if none is left.
    """
    crops = []
    for sample in samples:
        try:
            crops.append(normalise(resize(sample.crop(read_picture(sample.file)), size, size)))
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not crops:
        raise DataError("no readable picture to calibrate with", "check --data")
    return np.stack(crops)


def quantise_classifier(arguments: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any]:
    """Write the classifier's int8 file; returns its card. config: the run's `config.json`."""
    backbone = BACKBONES[backbone_name(config)]
    samples = [sample for folder in arguments.data for sample in read_samples(folder)]
    split = arguments.model / SPLIT
    groups = read_split(split) if split.is_file() else {}
    trained_on = [sample for sample in samples if groups.get(sample.group, "train") == "train"]
    calibration = draw_evenly(trained_on, arguments.calibration, arguments.seed)
    model = load_keras_model(arguments.model / MODEL)
    crops = calibration_crops(calibration, config["size"])
    round_weights(model, crops[:ROUNDING_CROPS])
    arguments.out.write_bytes(quantise_model(model, crops))
    card = base_card(arguments.out, "classification", read_notes(arguments.notes)) | {
        "labels": config["labels"],
        "crop_margin": config["crop_margin"],
        "architecture": f"{backbone.describe(config['alpha'])}, global average pooling, dense softmax",
        "training": {key: config[key] for key in FROM_RUN if key in config},
        "quantisation": {
            "kind": "int8, full integer, post-training, bias correction",
            "calibration_pictures": len(calibration),
            "seed": arguments.seed,
        },
    }
    write_card(arguments.out, card)  # the scorer of the figures refuses a model without a card
    metrics = _metrics_entry(arguments, samples, groups)
    return card | {"metrics": metrics} if metrics else card


def _metrics_entry(
    arguments: argparse.Namespace, samples: Sequence[Sample], groups: dict[str, str]
) -> dict[str, Any]:
    """The figures of the int8 file on the test part, and how to repeat them; empty without a test part."""
    if arguments.test_data:
        samples = [sample for folder in arguments.test_data for sample in read_samples(folder)]
    test = [sample for sample in samples if groups.get(sample.group) == "test"]
    if not test:
        return {}
    sources = ", ".join(sorted({sample.source for sample in test}))
    return {
        "measured_on": "int8 file, test part of the run's split (by group, never trained on), "
        f"{len(test)} crops of {sources}",
        "command": shlex.join(["python", "-m", "convert.quantize", *_public_arguments(arguments)]),
        "date": today(),
        **evaluate(TFLiteScorer(arguments.out), test).figures,
    }


def _public_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command's arguments with folders by their last part."""
    words = ["--model", arguments.model.name, "--data", *names_of(arguments.data)]
    if arguments.test_data:
        words += ["--test-data", *names_of(arguments.test_data)]
    words += ["--out", f"models/{arguments.out.name}"]
    return [*words, "--calibration", str(arguments.calibration), "--seed", str(arguments.seed)]


def classifier_summary(card: dict[str, Any]) -> str:
    """The card's figures in one line; empty without a test part."""
    if "metrics" not in card:
        return ""
    return f"test part: {headline(card['metrics'])}, n {card['metrics']['n']}"


def compare_scores(one: Scores, other: Scores) -> dict[str, float]:
    """How far apart two models' scores, float (N, K) each, are on the same pictures."""
    difference = np.abs(one - other)
    return {
        "agreement": float(np.mean(one.argmax(axis=1) == other.argmax(axis=1))),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
    }


def verify_classifier(arguments: argparse.Namespace) -> dict[str, Any]:
    """Agreement and figures of the float, the int8 and, where it can run, the compiled model.

    Raises DataError if float and int8 model have different labels.
    """
    reference, quantised = KerasScorer(arguments.float), TFLiteScorer(arguments.int8)
    if reference.labels != quantised.labels:
        raise DataError(
            f"{arguments.float} has the labels {', '.join(reference.labels)}, "
            f"{arguments.int8} has {', '.join(quantised.labels)}: not the same model",
            "give the run that the int8 file was made of",
        )
    samples = select_samples(arguments.data, arguments.split, arguments.part, arguments.source)
    present_labels(samples)
    readable, expected, _ = score_samples(reference, samples)
    _, got, _ = score_samples(quantised, readable)
    compiled, why = run_on_edgetpu(quantised.model, lambda: score_samples(quantised, readable)[1])
    labels = reference.labels
    truth = np.array([labels.index(sample.label) for sample in readable])
    report: dict[str, Any] = {
        "n": len(readable),
        **compare_scores(expected, got),
        "float": _figures(truth, expected, labels),
        "int8": _figures(truth, got, labels),
        "edgetpu": edgetpu_entry(why),
    }
    if compiled is not None:
        report["edgetpu"] |= _figures(truth, compiled, labels) | compare_scores(got, compiled)
    if arguments.layers:
        report["layers"] = _layers(arguments, reference, quantised, readable)
    return report


def _figures(truth: Truth, scores: Scores, labels: Sequence[Any]) -> dict[str, Any]:
    """The two figures that matter most."""
    found = classification_metrics(truth, scores, labels)
    pair = found["with_without"]
    return {"macro_f1": found["macro_f1"], "with_without": pair["balanced_accuracy"] if pair else None}


def _layers(
    arguments: argparse.Namespace,
    reference: KerasScorer,
    quantised: TFLiteScorer,
    samples: Sequence[Sample],
) -> list[dict[str, Any]]:
    """The quantisation error of every layer, over some of the samples."""
    card = quantised.model.card
    pictures = (
        resize(sample.crop(read_picture(sample.file)), card.width, card.height)
        for sample in draw(samples, arguments.layer_pictures)
    )
    return layer_entries(float_model(reference.model), arguments.int8, pictures)
