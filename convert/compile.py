"""`python -m convert.compile`: makes files for the Edge TPU out of int8 TFLite files, each with its card.

It runs Google's `edgetpu_compiler` and prints a table of what runs where. A file is kept only if everything
runs on the Edge TPU that `python -m convert.inspect` expects there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from convert.edgetpu.outcomes import Outcome, compile_models, share
from convert.edgetpu.verdicts import ON_CHIP_BYTES
from convert.tables import format_table
from edge.errors import UsageError
from training.arguments import positive
from training.commands import run_command


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.co_compile and len(arguments.models) < 2:
        raise UsageError(
            "--co-compile is for two or more models", "give the face detector and the mask classifier"
        )
    outcomes = compile_models(arguments)
    report = report_entry(outcomes, arguments)
    if arguments.json:
        print(json.dumps(report))
    else:
        texts = [outcome_text(outcome) for outcome in outcomes]
        texts += [memory_text(outcomes)] if arguments.co_compile else []
        print("\n\n".join(texts))
    if not report["ok"]:
        print(
            "FAILED: some operations that should run on the Edge TPU do not, so these files are not kept; "
            "--allow-cpu keeps them",
            file=sys.stderr,
        )
    return 0 if report["ok"] else 1


def outcome_text(outcome: Outcome) -> str:
    """One model's table for people."""
    part = outcome.compiled
    rows = [
        (r.op, str(r.count), "Edge TPU" if r.mapped else "CPU", "" if r.mapped else r.status)
        for r in part.rows
    ]
    memory = f"on the chip {kib(part.on_chip)} ({share(part):.1%} of 8 MB, {kib(part.remaining)} left)"
    streamed = "nothing is sent again for an inference"
    if part.off_chip:
        streamed = f"sent for every inference {kib(part.off_chip)}"
    return "\n".join(
        [
            f"{part.name}: {part.operations} operations, {part.subgraphs} part(s) on the Edge TPU, "
            f"compiler {outcome.version}",
            format_table(("op", "count", "where", "why not"), rows, right=(1,)),
            f"parameters: {memory}, {streamed}",
            *(f"SHOULD HAVE MAPPED: {line}" for line in outcome.missed),
        ]
    )


def kib(size: int) -> str:
    """Bytes in KiB, for people; a negative number is unknown."""
    return "unknown" if size < 0 else f"{size / 1024:,.1f} KiB"


def memory_text(outcomes: Sequence[Outcome]) -> str:
    """How models that were compiled together share the on-chip memory."""
    parts = [outcome.compiled for outcome in outcomes]
    rows = [(part.name, kib(part.on_chip), f"{share(part):.1%}", kib(part.off_chip)) for part in parts]
    used = sum(max(part.on_chip, 0) for part in parts)
    sent = sum(max(part.off_chip, 0) for part in parts)
    rows.append(("together", kib(used), f"{used / ON_CHIP_BYTES:.1%}", kib(sent)))
    header = ("model", "on the chip", "of 8 MB", "sent for every inference")
    return format_table(header, rows, right=(1, 2, 3))


def report_entry(outcomes: Sequence[Outcome], arguments: argparse.Namespace) -> dict[str, Any]:
    """The report for --json."""
    return {
        "models": [
            {
                "model": str(outcome.expected.model),
                "compiler": outcome.version,
                **asdict(outcome.compiled),
                "on_chip_share": share(outcome.compiled),
                "missed": list(outcome.missed),
            }
            for outcome in outcomes
        ],
        "co_compiled": arguments.co_compile,
        "on_chip_bytes": ON_CHIP_BYTES,
        "ok": arguments.allow_cpu or not any(outcome.missed for outcome in outcomes),
    }


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.compile", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        type=Path,
        metavar="MODEL",
        help="int8 .tflite files with their cards; with --co-compile the most used one first",
    )
    add(
        "--out",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder for MODEL_edgetpu.tflite and its card (default: %(default)s)",
    )
    add(
        "--co-compile",
        action="store_true",
        help="compile all in one call, so that their parameters stay on the chip together",
    )
    add(
        "--allow-cpu",
        action="store_true",
        help="keep files in which operations run on the CPU that should run on the Edge TPU",
    )
    add(
        "--timeout",
        type=positive,
        default=600,
        metavar="S",
        help="seconds after which the compiler is ended; version 16.0 gives up after 180 "
        "(default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
