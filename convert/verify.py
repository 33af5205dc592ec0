"""`python -m convert.verify`: does the int8 file say what the float model says? Fails beyond a stated bound."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import DataError
from edge.inference.card import load_card
from training.cli import run
from training.data import present_labels
from training.evaluate import Floats, KerasScorer, TFLiteScorer, score_samples, select_samples
from training.metrics import classification_metrics


def compare(float_scores: Floats, int8_scores: Floats) -> dict[str, float]:
    """How far two models' scores, each float (N, K), lie apart over the same pictures."""
    difference = np.abs(float_scores - int8_scores)
    return {
        "agreement": float(np.mean(float_scores.argmax(axis=1) == int8_scores.argmax(axis=1))),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
    }


def verify(arguments: argparse.Namespace) -> dict[str, Any]:
    """Agreement, and both models' figures, over the chosen pictures. Raises DataError where the two models have other labels."""
    reference, quantised = KerasScorer(arguments.float), TFLiteScorer(arguments.int8)
    if reference.labels != quantised.labels:
        raise DataError(
            f"{arguments.float} says {', '.join(reference.labels)}, {arguments.int8} says {', '.join(quantised.labels)}; not the same model"
        )
    samples = select_samples(arguments.data, arguments.split, arguments.part, arguments.source)
    present_labels(samples)
    readable, expected, _ = score_samples(reference, samples)
    _, got, _ = score_samples(quantised, readable)
    truth = np.array([reference.labels.index(sample.label) for sample in readable])
    report: dict[str, Any] = {"n": len(readable), **compare(expected, got)}
    for name, scores in (("float", expected), ("int8", got)):
        figures = classification_metrics(truth, scores, reference.labels)
        pair = figures["with_without"]
        report[name] = {"macro_f1": figures["macro_f1"], "with_without": pair["balanced_accuracy"] if pair else None}
    return report


def main_detection(arguments: argparse.Namespace) -> int:
    """Scenes with boxes; returns the exit code."""
    from convert.detectors import verify_detector

    report = verify_detector(arguments)
    loss = (report["float"]["ap35"] or 0) - (report["int8"]["ap35"] or 0)
    report |= {"ap35_loss": loss, "bound": arguments.max_ap_loss, "ok": loss <= arguments.max_ap_loss}
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{report['n']} pictures: {report['agreement']:.2%} of the float model's boxes are the int8 file's, too")
        print(
            f"AP at IoU 0.35: float {report['float']['ap35']:.4f}, int8 {report['int8']['ap35']:.4f}, loss {loss:.4f} (bound {arguments.max_ap_loss})"
        )
        print("ok" if report["ok"] else "FAILED: the int8 file finds less; calibrate with more pictures of the kind it will see")
    return 0 if report["ok"] else 1


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.int8.is_file() and load_card(arguments.int8).task == "detection":
        return main_detection(arguments)
    report = verify(arguments)
    report["bound"] = arguments.min_agreement
    report["ok"] = report["agreement"] >= arguments.min_agreement
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{report['n']} pictures: labels agree on {report['agreement']:.2%} (bound {arguments.min_agreement:.2%})")
        print(f"score difference: largest {report['largest_difference']:.3f}, mean {report['mean_difference']:.4f}")
        for name in ("float", "int8"):
            figures = report[name]
            pair = "n/a" if figures["with_without"] is None else f"{figures['with_without']:.4f}"
            print(f"{name:6} macro_f1 {figures['macro_f1']:.4f}, with / without {pair}")
        print("ok" if report["ok"] else "FAILED: the int8 file differs too much; calibrate with more pictures of the kind it will see")
    return 0 if report["ok"] else 1


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.verify", description=__doc__)
    add = parser.add_argument
    add("--float", type=Path, required=True, metavar="RUN/model.keras", help="the float model, in its run folder")
    add("--int8", type=Path, required=True, metavar="FILE.tflite", help="what convert.quantize made of it")
    add("--data", nargs="+", type=Path, required=True, help="folders of labelled pictures")
    add("--split", type=Path, help="split.csv of the run: compare on one of its parts")
    add("--part", choices=("train", "val", "test"), default="test", help="which part of --split (default: %(default)s)")
    add("--source", nargs="+", metavar="NAME", help="these sources alone")
    add("--min-agreement", type=float, default=0.99, help="the bound: part of the pictures that must get the same label (default: %(default)s)")
    add(
        "--max-ap-loss",
        type=float,
        default=0.01,
        help="the bound for a detector: average precision at IoU 0.35 that may be lost (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run(build_parser(), main)
