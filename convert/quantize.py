"""`python -m convert.quantize`: from a training run to an int8 TFLite file with its card.

Calibration pictures come from the run's training part, drawn evenly over classes and sources; the figures on the card are measured with the
int8 file on the run's test part.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from convert.cards import read_run, write_card
from convert.classifier import quantise_classifier
from convert.detector import quantise_detector
from edge.errors import DataError, ModelError
from training.arguments import input_size
from training.commands import run_command
from training.detector.evaluate import detection_text


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
