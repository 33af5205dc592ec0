"""`python -m training.evaluate`: the figures of a model on labelled pictures.

A `.tflite` file is run by the very code that runs on the Pi.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.classifier.evaluate import evaluate, load_scorer, select_samples, write_report
from training.classifier.metrics import text_report
from training.commands import run_command


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    return main_detection(arguments) if arguments.task == "detection" else main_classification(arguments)


def main_detection(arguments: argparse.Namespace) -> int:
    """Scenes with boxes; returns the exit code."""
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
    text = json.dumps(figures) if arguments.json else detection_text(figures)
    if arguments.report:
        (arguments.report / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(text)
    return 0


def main_classification(arguments: argparse.Namespace) -> int:
    """Labelled faces; returns the exit code."""
    scorer = load_scorer(arguments.model, arguments.threads)
    samples = select_samples(arguments.data, arguments.split, arguments.part, arguments.source)
    result = evaluate(scorer, samples)
    figures = result.figures
    if arguments.report:
        write_report(result, scorer.labels, arguments.report)
    if arguments.json:
        print(json.dumps(figures))
        return 0
    print(text_report(figures))
    for source, own in figures.get("per_source", {}).items():
        pair = own["with_without"] or {}
        print(
            f"{source}: n {own['n']}, macro_f1 {own['macro_f1']:.4f}, with / without {pair.get('balanced_accuracy', float('nan')):.4f}"
        )
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--model", type=Path, required=True, help="a .tflite file with its card, or RUN/model.keras")
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
        help="folders: one sub-folder per label, a manifest.csv, or COCO scenes; for detection COCO or, without annotations.json, backgrounds",
    )
    add("--split", type=Path, help="split.csv of a training run: evaluate one of its parts")
    add(
        "--part",
        choices=("train", "val", "test"),
        default="test",
        help="which part of --split (default: %(default)s)",
    )
    add("--source", nargs="+", metavar="NAME", help="these sources alone")
    add(
        "--report",
        type=Path,
        metavar="DIR",
        help="write plots, report.txt, metrics.json and mistakes.csv there",
    )
    add(
        "--threads",
        type=int,
        default=0,
        help="of a .tflite model; 0: one per core, at most 4 (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
