"""`python -m convert.verify`: does the int8 file say what the float model says? Fails beyond a stated bound.

Where a Coral Edge TPU and the compiled file are there, that is compared, too. `--layers` shows which layers lose accuracy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from convert.classifier import verify
from convert.layers import layers_text
from edge.inference.card import load_card
from training.commands import run_command

WORST = 12
"""Layers in the table; --json has all."""


def classification_text(report: dict[str, Any], bound: float) -> str:
    """The report for people."""
    lines = [
        f"{report['n']} pictures: labels agree on {report['agreement']:.2%} (bound {bound:.2%})",
        f"score difference: largest {report['largest_difference']:.3f}, mean {report['mean_difference']:.4f}",
    ]
    for name in ("float", "int8", *(["edgetpu"] if report["edgetpu"]["compared"] else [])):
        figures = report[name]
        pair = "n/a" if figures["with_without"] is None else f"{figures['with_without']:.4f}"
        lines.append(f"{name:7} macro_f1 {figures['macro_f1']:.4f}, with / without {pair}")
    return "\n".join(lines)


def detection_text(report: dict[str, Any], bound: float) -> str:
    """The report for people."""
    loss = f"loss {report['ap35_loss']:.4f} (bound {bound})"
    lines = [
        f"{report['n']} pictures: {report['agreement']:.2%} of the float model's boxes are the int8 file's, too",
        f"AP at IoU 0.35: float {report['float']['ap35']:.4f}, int8 {report['int8']['ap35']:.4f}, {loss}",
    ]
    if report["edgetpu"]["compared"]:
        lines.append(f"edgetpu: AP at IoU 0.35 {report['edgetpu']['ap35']:.4f}")
    return "\n".join(lines)


def edgetpu_text(report: dict[str, Any]) -> str:
    """How the compiled file does against the int8 file, or why that is not known."""
    entry = report["edgetpu"]
    if not entry["compared"]:
        return f"edgetpu not compared: {entry['why']}"
    return f"edgetpu: agrees with the int8 file on {entry['agreement']:.2%}"


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.int8.is_file() and load_card(arguments.int8).task == "detection":
        from convert.detector import verify_detector

        report = verify_detector(arguments)
        loss = (report["float"]["ap35"] or 0) - (report["int8"]["ap35"] or 0)
        report |= {"ap35_loss": loss, "bound": arguments.max_ap_loss, "ok": loss <= arguments.max_ap_loss}
        if report["edgetpu"]["compared"]:
            report["ok"] &= (report["float"]["ap35"] or 0) - (
                report["edgetpu"]["ap35"] or 0
            ) <= arguments.max_ap_loss
        text, advice = detection_text(report, arguments.max_ap_loss), "finds less"
    else:
        report = verify(arguments)
        report |= {"bound": arguments.min_agreement, "ok": report["agreement"] >= arguments.min_agreement}
        if report["edgetpu"]["compared"]:
            report["ok"] &= report["edgetpu"]["agreement"] >= arguments.min_agreement
        text, advice = classification_text(report, arguments.min_agreement), "differs too much"
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{text}\n{edgetpu_text(report)}")
        if arguments.layers:
            print(f"\nlayers, those that lose most first:\n{layers_text(report['layers'], WORST)}\n")
        print(
            "ok"
            if report["ok"]
            else f"FAILED: it {advice}; calibrate with more pictures of the kind it will see, --layers shows where it is lost"
        )
    return 0 if report["ok"] else 1


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.verify", description=__doc__)
    add = parser.add_argument
    add(
        "--float",
        type=Path,
        required=True,
        metavar="RUN/model.keras",
        help="the float model, in its run folder",
    )
    add(
        "--int8",
        type=Path,
        required=True,
        metavar="FILE.tflite",
        help="what convert.quantize made of it; FILE_edgetpu.tflite beside it is tried, too",
    )
    add("--data", nargs="+", type=Path, required=True, help="folders of labelled pictures")
    add("--split", type=Path, help="split.csv of the run: compare on one of its parts")
    add(
        "--part",
        choices=("train", "val", "test"),
        default="test",
        help="which part of --split (default: %(default)s)",
    )
    add("--source", nargs="+", metavar="NAME", help="these sources alone")
    add(
        "--min-agreement",
        type=float,
        default=0.99,
        help="the bound: part of the pictures that must get the same label (default: %(default)s)",
    )
    add(
        "--max-ap-loss",
        type=float,
        default=0.01,
        help="the bound for a detector: average precision at IoU 0.35 that may be lost (default: %(default)s)",
    )
    add("--layers", action="store_true", help="also measure every layer's quantisation error")
    add(
        "--layer-pictures",
        type=int,
        default=50,
        metavar="N",
        help="to measure layers on (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
