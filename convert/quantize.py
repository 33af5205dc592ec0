"""`python -m convert.quantize`: from a training run to an int8 TFLite file with its card.

Calibration pictures come from the run's training part, drawn evenly over classes and sources. The figures on
the card are measured with the int8 file on the run's test part.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edge.errors import DataError, ModelError
from training.arguments import at_least, input_size
from training.commands import run_command
from training.paths import check_paths
from training.runs import CONFIG, run_folder

TASKS = ("classification", "detection")


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from convert.cards import read_run, write_card
    from edge.inference.card import card_path

    check_paths(arguments)
    arguments.model = run_folder(arguments.model)
    if arguments.out.suffix != ".tflite":
        raise DataError(f"{arguments.out}: not the name of a .tflite file", "let --out end in .tflite")
    for path in (arguments.out, card_path(arguments.out)):
        if path.exists() or path.is_symlink():
            raise DataError(f"{path}: exists already", "remove it or choose another --out")
    config = read_run(arguments.model)
    task = config.get("task")
    if task not in TASKS:
        raise ModelError(
            f"{arguments.model}: its {CONFIG} has the task {task!r}",
            f"give a run of {' or '.join(TASKS)}; this version converts no other",
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    card, summary = _quantise(arguments, config)
    path = write_card(arguments.out, card)
    entry = card["input"]
    size = f"{card['bytes'] / 1e6:.2f} MB, input {entry['width']}x{entry['height']} {entry['dtype']}"
    print(f"{arguments.out}: {size}, scale {entry['scale']:.6g}, zero point {entry['zero_point']}")
    if summary:
        print(summary)
    print(f"card: {path}")
    return 0


def _quantise(arguments: argparse.Namespace, config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Write the int8 file; returns its card, and its figures as text."""
    if config["task"] == "detection":
        from convert.detector import quantise_detector
        from training.detector.evaluate import detection_text

        card = quantise_detector(arguments, config)
        return card, detection_text(card["metrics"])
    from convert.classifier import classifier_summary, quantise_classifier

    card = quantise_classifier(arguments, config)
    return card, classifier_summary(card)


def _what_is_kept(arguments: argparse.Namespace) -> str:
    """What an interrupted conversion leaves."""
    if arguments.out.exists():
        return f"{arguments.out} has no figures yet: remove it and begin again"
    return "nothing is kept: begin again"


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.quantize", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        required=True,
        metavar="RUN",
        help="folder of a finished training",
    )
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
        help="folders whose test part the card's figures are measured on (default: --data)",
    )
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.tflite",
        help="the file to write; its card is written beside it",
    )
    add(
        "--input",
        type=input_size,
        metavar="WxH",
        help="of a detector: another input size than it was trained at, multiples of 32 px",
    )
    add(
        "--calibration",
        type=at_least(1),
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
    add(
        "--seed",
        type=at_least(0),
        default=0,
        help="chooses the calibration pictures (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main, kept=_what_is_kept)
