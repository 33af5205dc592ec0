"""`python -m convert.quantize`: from a training run to an int8 TFLite file with its card.

Calibration pictures come from the run's training part, drawn evenly over classes and sources; the figures on the card are measured with the
int8 file on the run's test part.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from convert.bias import round_weights
from convert.cards import base_card, read_notes, read_run, write_card
from convert.detector import quantise_detector
from convert.export import Floats, quantise_model
from edge.errors import DataError, ModelError, PictureError
from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from training.arguments import input_size
from training.commands import run_command
from training.datasets.samples import Sample, read_samples, read_split
from training.detector.evaluate import detection_text
from training.evaluate import TFLiteScorer, evaluate

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


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.out.suffix != ".tflite":
        raise DataError(f"{arguments.out}: --out must end in .tflite")
    config = read_run(arguments.model)
    if config.get("task") not in ("classification", "detection"):
        raise ModelError(
            f"{arguments.model}: its config.json says task {config.get('task')!r}; this version converts classification and detection"
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    card = (
        quantise_detector(arguments, config)
        if config["task"] == "detection"
        else quantise_classifier(arguments, config)
    )
    path = write_card(arguments.out, card)
    entry = card["input"]
    size = f"{card['bytes'] / 1e6:.2f} MB, input {entry['width']}x{entry['height']} {entry['dtype']}"
    print(f"{arguments.out}: {size}, scale {entry['scale']:.6g}, zero point {entry['zero_point']}")
    if config["task"] == "detection":
        print(detection_text(card["metrics"]))
    elif "metrics" in card:
        figures = card["metrics"]
        pair = figures["with_without"] or {}
        print(
            f"test part: macro_f1 {figures['macro_f1']:.4f}, with / without {pair.get('balanced_accuracy', float('nan')):.4f}, n {figures['n']}"
        )
    print(f"card: {path}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.quantize", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="RUN", help="folder of a finished training")
    add(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        help="the folders that it was trained on, for calibration and for the card's figures",
    )
    add(
        "--test-data",
        nargs="+",
        type=Path,
        help="folders that the card's figures are measured on, their test part by group (default: --data)",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.tflite",
        help="the file to write; its card goes beside it",
    )
    add(
        "--input",
        type=input_size,
        metavar="WxH",
        help="of a detector: another input size than it was trained at, multiples of 32 px",
    )
    add(
        "--calibration",
        type=int,
        default=300,
        metavar="N",
        help="pictures to calibrate with (default: %(default)s)",
    )
    add(
        "--notes",
        type=Path,
        metavar="FILE.json",
        help="more entries for the card: training_data, licence, ...",
    )
    add("--seed", type=int, default=0, help="of the calibration draw (default: %(default)s)")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
