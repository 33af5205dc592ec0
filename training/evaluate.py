"""`python -m training.evaluate`: the figures of a model on labelled pictures.

A `.tflite` file is run by the very code that runs on the Pi.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from training.arguments import at_least
from training.commands import run_command
from training.paths import check_paths
from training.runs import METRICS, model_file, write_json


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    check_paths(arguments)
    arguments.model = model_file(arguments.model)
    evaluate = evaluate_detection if arguments.task == "detection" else evaluate_classification
    figures, text = evaluate(arguments)
    print(json.dumps(figures) if arguments.json else text)
    return 0


def evaluate_detection(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """A face detector on scenes with boxes: its figures, and the same as text."""
    from training.detector.evaluate import detection_text, evaluate_detector

    figures = evaluate_detector(
        arguments.model,
        arguments.data,
        arguments.split,
        arguments.part,
        arguments.source,
        arguments.threads,
        arguments.report,
    )
    if arguments.report:
        write_json(arguments.report / METRICS, figures)
    return figures, detection_text(figures)


def evaluate_classification(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """A mask classifier on labelled faces: its figures, and the same as text."""
    from training.classifier.evaluate import (
        evaluate,
        evaluation_text,
        load_scorer,
        select_samples,
        write_report,
    )

    scorer = load_scorer(arguments.model, arguments.threads)
    samples = select_samples(arguments.data, arguments.split, arguments.part, arguments.source)
    result = evaluate(scorer, samples)
    if arguments.report:
        write_report(result, scorer.labels, arguments.report)
    return result.figures, evaluation_text(result.figures)


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        required=True,
        help="a .tflite file with its card, or RUN or RUN/model.keras",
    )
    add(
        "--task",
        choices=("classification", "detection"),
        default="classification",
        help="what the model does (default: %(default)s)",
    )
    add(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        help="folders: one sub-folder per label, a manifest.csv, or COCO scenes; "
        "for detection COCO scenes, or pictures without people",
    )
    add("--split", type=Path, help="split.csv of a training run: evaluate one of its parts")
    add(
        "--part",
        choices=("train", "val", "test"),
        default="test",
        help="which part of --split (default: %(default)s)",
    )
    add("--source", nargs="+", metavar="NAME", help="pictures of these sources only")
    add(
        "--report",
        type=Path,
        metavar="DIR",
        help="write plots, report.txt, metrics.json and mistakes.csv into this folder",
    )
    add(
        "--threads",
        type=at_least(0),
        default=0,
        help="threads for a .tflite model; 0 is one per core, at most 4 (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
