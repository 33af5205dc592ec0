"""`python -m convert.verify`: does the int8 file give the float model's results? Fails beyond a stated bound.

If a Coral Edge TPU and the compiled file are there, it is compared too. `--layers` shows which layers lose
accuracy.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from training.arguments import at_least, not_negative, share
from training.commands import run_command
from training.paths import check_paths
from training.runs import model_file

CHANCE = 0.05
"""A model that keeps the bound fails with this chance, because of the pictures that were drawn."""

WORST = 12
"""Layers in the table; --json has all of them."""

ADVICE = "calibrate with more pictures of the kind that it will see; --layers shows where accuracy is lost"


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from edge.inference.card import load_card

    check_paths(arguments)
    arguments.float = model_file(arguments.float)
    detection = arguments.int8.is_file() and load_card(arguments.int8).task == "detection"
    report = _verify_detection(arguments) if detection else _verify_classification(arguments)
    if arguments.json:
        print(json.dumps(report))
        return 0 if report["ok"] else 1
    text = detection_text(report) if detection else classification_text(report)
    print(f"{text}\n{edgetpu_text(report)}")
    if arguments.layers:
        from convert.layers import layers_text

        print(f"\nlayers, those that lose most first:\n{layers_text(report['layers'], WORST)}\n")
    what = "finds less than" if detection else "differs too much from"
    print("ok" if report["ok"] else f"FAILED: it {what} the float model; {ADVICE}")
    return 0 if report["ok"] else 1


def _verify_classification(arguments: argparse.Namespace) -> dict[str, Any]:
    """The report on a classifier, with the bound and whether it is kept."""
    from convert.classifier import verify_classifier

    report = verify_classifier(arguments)
    bound = arguments.min_agreement
    allowed = 1 - by_chance(report["n"], 1 - bound) / report["n"]
    compiled = report["edgetpu"]
    ok = report["agreement"] >= allowed and (not compiled["compared"] or compiled["agreement"] >= allowed)
    return report | {"bound": bound, "allowed": allowed, "ok": ok}


def by_chance(count: int, share: float) -> int:
    """How many of `count` pictures may differ where a share, 0..1, of all may.

    The largest number that a model which keeps the bound reaches in more than CHANCE of the draws of `count`
    pictures (binomial distribution), and never less than the share itself.
    """
    if share <= 0 or share >= 1:
        return math.floor(count * share)
    number, above = 0, 1 - _binomial(0, count, share)
    while number < count and above > CHANCE:
        number += 1
        above -= _binomial(number, count, share)
    return max(number, math.floor(count * share + 1e-9))


def _binomial(number: int, count: int, share: float) -> float:
    """The chance of exactly `number` of `count`. By logarithms: powers would become 0 for many pictures."""
    ways = math.lgamma(count + 1) - math.lgamma(number + 1) - math.lgamma(count - number + 1)
    return math.exp(ways + number * math.log(share) + (count - number) * math.log1p(-share))


def _verify_detection(arguments: argparse.Namespace) -> dict[str, Any]:
    """The report on a detector, with the bound and whether it is kept."""
    from convert.detector import verify_detector

    report = verify_detector(arguments)
    bound = arguments.max_ap_loss

    allowed = by_chance(report["faces"], bound) / max(report["faces"], 1)

    def loss(entry: dict[str, Any]) -> float:
        return float((report["float"]["ap35"] or 0) - (entry["ap35"] or 0))

    ok = loss(report["int8"]) <= allowed
    if report["edgetpu"]["compared"]:
        ok = ok and loss(report["edgetpu"]) <= allowed
    return report | {"ap35_loss": loss(report["int8"]), "bound": bound, "allowed": allowed, "ok": ok}


def classification_text(report: dict[str, Any]) -> str:
    """The report on a classifier for people."""
    lines = [
        f"{report['n']} pictures: labels agree on {report['agreement']:.2%} (bound {report['bound']:.2%}, "
        f"of so few {report['allowed']:.2%})",
        f"score difference: largest {report['largest_difference']:.3f}, mean {report['mean_difference']:.4f}",
    ]
    for name in ("float", "int8", *(["edgetpu"] if report["edgetpu"]["compared"] else [])):
        figures = report[name]
        pair = "n/a" if figures["with_without"] is None else f"{figures['with_without']:.4f}"
        lines.append(f"{name:7} macro_f1 {figures['macro_f1']:.4f}, with / without {pair}")
    return "\n".join(lines)


def detection_text(report: dict[str, Any]) -> str:
    """The report on a detector for people."""
    loss = f"loss {report['ap35_loss']:.4f} (bound {report['bound']}, of so few {report['allowed']:.4f})"
    values = [report[name]["ap35"] for name in ("float", "int8")]
    precision = ", ".join(
        f"{name} {'n/a' if value is None else format(value, '.4f')}"
        for name, value in zip(("float", "int8"), values, strict=True)
    )
    lines = [
        f"{report['n']} pictures: the int8 file has {report['agreement']:.2%} of the float model's boxes",
        f"AP at IoU 0.35: {precision}, {loss}",
    ]
    if report["edgetpu"]["compared"]:
        lines.append(f"edgetpu: AP at IoU 0.35 {report['edgetpu']['ap35']:.4f}")
    return "\n".join(lines)


def edgetpu_text(report: dict[str, Any]) -> str:
    """How far the compiled file agrees with the int8 file, or why that is not known."""
    entry = report["edgetpu"]
    if not entry["compared"]:
        return f"edgetpu not compared: {entry['why']}"
    return f"edgetpu: agrees with the int8 file on {entry['agreement']:.2%}"


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.verify", description=__doc__)
    add = parser.add_argument
    add(
        "--float",
        type=Path,
        required=True,
        metavar="RUN/model.keras",
        help="the float model in its run folder",
    )
    add(
        "--int8",
        type=Path,
        required=True,
        metavar="FILE.tflite",
        help="what convert.quantize made of it; FILE_edgetpu.tflite beside it is compared too",
    )
    add("--data", nargs="+", type=Path, required=True, help="folders of labelled pictures")
    add("--split", type=Path, help="split.csv of the run: compare on one of its parts")
    add(
        "--part",
        choices=("train", "val", "test"),
        default="test",
        help="which part of --split (default: %(default)s)",
    )
    add("--source", nargs="+", metavar="NAME", help="pictures of these sources only")
    add(
        "--min-agreement",
        type=not_negative,
        default=0.99,
        help="bound for a classifier: share of the pictures that must get the same label "
        "(default: %(default)s)",
    )
    add(
        "--max-ap-loss",
        type=share,
        default=0.01,
        help="bound for a detector: average precision at IoU 0.35 that may be lost (default: %(default)s)",
    )
    add("--layers", action="store_true", help="also measure every layer's quantisation error")
    add(
        "--layer-pictures",
        type=at_least(1),
        default=50,
        metavar="N",
        help="pictures to measure layers on (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
