"""The classifier's part of convert.quantize and convert.verify."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import keras
import numpy as np

from convert.bias import round_weights
from convert.cards import base_card, read_notes, write_card
from convert.edgetpu.device import edgetpu_entry, run_on_edgetpu
from convert.export import Floats, float_model, quantise_model
from convert.layers import draw, layer_entries
from edge.errors import DataError, PictureError
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from training.classifier.evaluate import KerasScorer, TFLiteScorer, evaluate, score_samples, select_samples
from training.classifier.metrics import classification_metrics
from training.datasets.samples import Sample, present_labels, read_samples
from training.datasets.splits import read_split

ROUNDING_CROPS = 96
"""So many of the calibration crops set the shifts that make up for rounded weights: means need fewer pictures than extremes do."""


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
    """float32 (N, size, size, 3); unreadable pictures are named on stderr and left out. Raises DataError where none is left."""
    crops = []
    for sample in samples:
        try:
            crops.append(normalise(resize(sample.crop(read_picture(sample.file)), size, size)))
        except PictureError as error:
            print(f"skipped: {error}", file=sys.stderr)
    if not crops:
        raise DataError("no readable picture to calibrate with; check --data")
    return np.stack(crops)


def quantise_classifier(arguments: argparse.Namespace, config: dict[str, Any]) -> dict[str, Any]:
    """Write the classifier's int8 file; returns its card."""
    samples = [sample for folder in arguments.data for sample in read_samples(folder)]
    split = arguments.model / "split.csv"
    groups = read_split(split) if split.is_file() else {}
    calibration = draw_evenly(
        [s for s in samples if groups.get(s.group, "train") == "train"], arguments.calibration, arguments.seed
    )
    model = keras.models.load_model(arguments.model / "model.keras", compile=False)
    crops = calibration_crops(calibration, config["size"])
    round_weights(model, crops[:ROUNDING_CROPS])
    arguments.out.write_bytes(quantise_model(model, crops))
    card = base_card(arguments.out, "classification", read_notes(arguments.notes)) | {
        "labels": config["labels"],
        "crop_margin": config["crop_margin"],
        "architecture": f"MobileNetV2, alpha {config['alpha']}, global average pooling, dense softmax",
        "training": {
            key: config[key]
            for key in ("arguments", "samples", "sources", "with_mask_logit_lowered_by")
            if key in config
        },
        "quantisation": {
            "kind": "int8, full integer, post-training, bias correction",
            "calibration_pictures": len(calibration),
            "seed": arguments.seed,
        },
    }
    write_card(arguments.out, card)  # the scorer below refuses a model without a card
    tested = (
        [sample for folder in arguments.test_data for sample in read_samples(folder)]
        if arguments.test_data
        else samples
    )
    test = [s for s in tested if groups.get(s.group) == "test"]
    if test:
        figures = evaluate(TFLiteScorer(arguments.out), test).figures
        sources = ", ".join(sorted({sample.source for sample in test}))
        card["metrics"] = {
            "measured_on": f"int8 file, test part of the run's split (by group, never trained on), {len(test)} crops of {sources}",
            "command": shlex.join(["python", "-m", "convert.quantize", *_public_arguments(arguments)]),
            "date": datetime.now(UTC).date().isoformat(),
            **figures,
        }
    return card


def _public_arguments(arguments: argparse.Namespace) -> list[str]:
    """The command's arguments with folders by their name alone."""
    words = ["--model", arguments.model.name, "--data", *(folder.name for folder in arguments.data)]
    if arguments.test_data:
        words += ["--test-data", *(folder.name for folder in arguments.test_data)]
    return [
        *words,
        "--out",
        f"models/{arguments.out.name}",
        "--calibration",
        str(arguments.calibration),
        "--seed",
        str(arguments.seed),
    ]


def compare(float_scores: Floats, int8_scores: Floats) -> dict[str, float]:
    """How far two models' scores, each float (N, K), lie apart over the same pictures."""
    difference = np.abs(float_scores - int8_scores)
    return {
        "agreement": float(np.mean(float_scores.argmax(axis=1) == int8_scores.argmax(axis=1))),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
    }


def verify(arguments: argparse.Namespace) -> dict[str, Any]:
    """Agreement, and all models' figures, over the chosen pictures. Raises DataError where the models have other labels."""
    reference, quantised = KerasScorer(arguments.float), TFLiteScorer(arguments.int8)
    if reference.labels != quantised.labels:
        raise DataError(
            f"{arguments.float} says {', '.join(reference.labels)}, {arguments.int8} says {', '.join(quantised.labels)}; not the same model"
        )
    samples = select_samples(arguments.data, arguments.split, arguments.part, arguments.source)
    present_labels(samples)
    readable, expected, _ = score_samples(reference, samples)
    _, got, _ = score_samples(quantised, readable)
    compiled, why = run_on_edgetpu(quantised.model, lambda: score_samples(quantised, readable)[1])
    truth = np.array([reference.labels.index(sample.label) for sample in readable])

    def figures(scores: Floats) -> dict[str, Any]:
        found = classification_metrics(truth, scores, reference.labels)
        pair = found["with_without"]
        return {"macro_f1": found["macro_f1"], "with_without": pair["balanced_accuracy"] if pair else None}

    report: dict[str, Any] = {
        "n": len(readable),
        **compare(expected, got),
        "float": figures(expected),
        "int8": figures(got),
    }
    report["edgetpu"] = edgetpu_entry(why) | (
        {} if compiled is None else figures(compiled) | compare(got, compiled)
    )
    if arguments.layers:
        card = quantised.model.card
        drawn = draw(readable, arguments.layer_pictures)
        pictures = (
            resize(sample.crop(read_picture(sample.file)), card.width, card.height) for sample in drawn
        )
        report["layers"] = layer_entries(float_model(reference.model), arguments.int8, pictures)
    return report
