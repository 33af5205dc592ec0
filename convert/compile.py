"""`python -m convert.compile`: int8 TFLite files to files for the Edge TPU, each with its card, and a table of what runs where.

Runs Google's `edgetpu_compiler`. A file is kept only if everything that `python -m convert.inspect` expects on the Edge TPU got there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from convert.cards import write_card
from convert.edgetpu.compiler import check_log, find_compiler, run_compiler
from convert.edgetpu.log import CompiledModel, CompileError, mapped_by_op, parse_models, parse_rows
from convert.edgetpu.verdicts import ON_CHIP_BYTES, Where, judge, refusals
from convert.inspect import format_table
from edge.errors import ModelError, UsageError
from edge.inference.card import card_path, load_card, sha256_of
from training.commands import run_command
from training.flatbuffer import read_graph


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a model before it is compiled. mapped: operations per kind that should run on the Edge TPU."""

    model: Path
    mapped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model that was compiled. missed: a line for each kind of operation that should have mapped and did not."""

    expected: Expected
    compiled: CompiledModel
    version: str
    missed: tuple[str, ...]


def expect(model: Path) -> Expected:
    """Look at a model and its card. Raises ModelError where either is not usable, or the model is compiled already."""
    load_card(model)
    graph = read_graph(model)
    verdicts = judge(graph)
    if any(verdict.code == "compiled" for verdict in verdicts):
        raise ModelError(
            f"{model}: is compiled for the Edge TPU already; give the int8 file that it was made of"
        )
    for reason in refusals(graph, verdicts):
        print(f"{model}: the compiler will probably refuse it: {reason}", file=sys.stderr)
    return Expected(model, dict(Counter(v.op.name for v in verdicts if v.where is Where.EDGETPU)))


def collect(expected: Sequence[Expected], version: str, log: str, folder: Path) -> list[Outcome]:
    """One outcome per model. Raises CompileError where a file or its part of the log is missing."""
    parts = {part.name: part for part in parse_models(log)}
    outcomes = []
    for one in expected:
        made = folder / f"{one.model.stem}_edgetpu.tflite"
        if not made.is_file():
            raise CompileError(
                "no_output",
                f"{one.model.name}: the compiler reports no error, but wrote no {made.name}; is there room on the disk?",
            )
        part = parts.get(one.model.name)
        own_log = made.with_suffix(".log")
        if part is not None and not part.rows and own_log.is_file():
            part = replace(part, rows=parse_rows(own_log.read_text(encoding="utf-8", errors="replace")))
        if part is None or not part.rows:
            raise CompileError(
                "unreadable",
                f"{one.model.name}: the compiler's log has no table of operations; is it version 15 or 16?",
            )
        outcomes.append(Outcome(one, part, version, missed(one, part)))
    return outcomes


def missed(expected: Expected, compiled: CompiledModel) -> tuple[str, ...]:
    """What should have mapped and did not, a line per kind of operation, with the compiler's reason."""
    mapped = mapped_by_op(compiled.rows)
    lines = []
    for op, count in expected.mapped.items():
        got = mapped.get(op, 0)
        if got < count:
            reasons = (
                "; ".join(sorted({row.status for row in compiled.rows if row.op == op and not row.mapped}))
                or "it is not in the log"
            )
            lines.append(f"{op}: {got} of {count} mapped ({reasons})")
    return tuple(lines)


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


def share(part: CompiledModel) -> float:
    """The part of the on-chip memory, 0..1, that a model's parameters take."""
    return max(part.on_chip, 0) / ON_CHIP_BYTES


def compiled_card(model: Path, outcome: Outcome, together_with: Sequence[str]) -> dict[str, Any]:
    """The source's card, with what the compiled file is and how it was made."""
    source = outcome.expected.model
    card: dict[str, Any] = json.loads(card_path(source).read_text(encoding="utf-8"))
    part = outcome.compiled
    return card | {
        "name": model.stem,
        "sha256": sha256_of(model),
        "bytes": model.stat().st_size,
        "created": datetime.now(UTC).date().isoformat(),
        "compiled_for": "edgetpu",
        "edgetpu": {
            "compiler": outcome.version,
            "source": source.name,
            "source_sha256": sha256_of(source),
            "on_chip_bytes": part.on_chip,
            "on_chip_remaining_bytes": part.remaining,
            "off_chip_bytes": part.off_chip,
            "subgraphs": part.subgraphs,
            "operations": [asdict(row) for row in part.rows],
            "compiled_together_with": list(together_with),
        },
    }


def keep(outcome: Outcome, folder: Path, out: Path, together_with: Sequence[str]) -> Path:
    """Move a compiled file into its place and write its card; returns its path."""
    name = f"{outcome.expected.model.stem}_edgetpu.tflite"
    path = out / name
    shutil.move(folder / name, path)
    write_card(path, compiled_card(path, outcome, together_with))
    return path


def compile_models(arguments: argparse.Namespace) -> list[Outcome]:
    """Compile all models; files and cards lie in --out afterwards, but not of a model that missed something. Raises CompileError, ModelError."""
    models: list[Path] = arguments.models
    names = Counter(model.stem for model in models)
    if len(names) < len(models):
        raise UsageError(
            f"two models are named {names.most_common(1)[0][0]}; their compiled files would be one: rename one, with its card"
        )
    compiler = find_compiler()
    expected = [expect(model) for model in models]
    arguments.out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for group in [expected] if arguments.co_compile else [[one] for one in expected]:
        files = [one.model for one in group]
        with tempfile.TemporaryDirectory(
            dir=arguments.out
        ) as folder:  # a file of an earlier run must not pass for this one's
            code, log = run_compiler(compiler, files, Path(folder), arguments.timeout)
            made = collect(group, check_log(code, log, files), log, Path(folder))
            if arguments.allow_cpu or not any(outcome.missed for outcome in made):
                for outcome in made:
                    keep(
                        outcome,
                        Path(folder),
                        arguments.out,
                        [file.name for file in files if file != outcome.expected.model],
                    )
        outcomes += made
    return outcomes


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
