"""`python -m convert.compile`: int8 TFLite files to files for the Edge TPU, each with its card, and a table of what runs where.

Runs Google's `edgetpu_compiler`. A file is kept only if everything that `python -m convert.inspect` expects on the Edge TPU got there.
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
from training.commands import run_command


def outcome_text(outcome: Outcome) -> str:
    """The table for people."""
    part = outcome.compiled
    rows = [
        (r.op, str(r.count), "Edge TPU" if r.mapped else "CPU", "" if r.mapped else r.status)
        for r in part.rows
    ]
    memory = f"on the chip {kib(part.on_chip)} ({share(part):.1%} of 8 MB, {kib(part.remaining)} left)"
    streamed = (
        f"sent for every inference {kib(part.off_chip)}"
        if part.off_chip
        else "nothing is sent again for an inference"
    )
    return "\n".join(
        [
            f"{part.name}: {part.operations} operations, {part.subgraphs} part(s) on the Edge TPU, compiler {outcome.version}",
            format_table(("op", "count", "where", "why not"), rows, right=(1,)),
            f"parameters: {memory}, {streamed}",
            *(f"SHOULD HAVE MAPPED: {line}" for line in outcome.missed),
        ]
    )


def kib(size: int) -> str:
    """Bytes in KiB, for people."""
    return "unknown" if size < 0 else f"{size / 1024:,.1f} KiB"


def report(outcomes: Sequence[Outcome], arguments: argparse.Namespace) -> dict[str, Any]:
    """For --json."""
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


def memory_text(outcomes: Sequence[Outcome]) -> str:
    """How models that were compiled together share the on-chip memory."""
    used = sum(max(outcome.compiled.on_chip, 0) for outcome in outcomes)
    rows = [
        (o.compiled.name, kib(o.compiled.on_chip), f"{share(o.compiled):.1%}", kib(o.compiled.off_chip))
        for o in outcomes
    ]
    rows.append(
        (
            "together",
            kib(used),
            f"{used / ON_CHIP_BYTES:.1%}",
            kib(sum(max(o.compiled.off_chip, 0) for o in outcomes)),
        )
    )
    return format_table(
        ("model", "on the chip", "of 8 MB", "sent for every inference"), rows, right=(1, 2, 3)
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.co_compile and len(arguments.models) < 2:
        raise UsageError("--co-compile is for two or more models: give the detector and the classifier")
    outcomes = compile_models(arguments)
    result = report(outcomes, arguments)
    if arguments.json:
        print(json.dumps(result))
    else:
        texts = [outcome_text(outcome) for outcome in outcomes] + (
            [memory_text(outcomes)] if arguments.co_compile else []
        )
        print("\n\n".join(texts))
    if not result["ok"]:
        print(
            "FAILED: nothing is kept of a call in which something missed the Edge TPU; --allow-cpu keeps it all the same",
            file=sys.stderr,
        )
    return 0 if result["ok"] else 1


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.compile", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "models",
        nargs="+",
        type=Path,
        metavar="MODEL",
        help="int8 .tflite files with their cards; with --co-compile the most used first",
    )
    add(
        "--out",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="where MODEL_edgetpu.tflite and its card go (default: %(default)s)",
    )
    add(
        "--co-compile",
        action="store_true",
        help="compile all in one call, so that their parameters stay on the chip together",
    )
    add(
        "--allow-cpu",
        action="store_true",
        help="keep files in which something that should map runs on the CPU",
    )
    add(
        "--timeout",
        type=float,
        default=600,
        metavar="S",
        help="end the compiler after so many seconds; 16.0 gives up after 180 (default: %(default)s)",
    )
    add("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
