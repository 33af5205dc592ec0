"""Models before and after the Edge TPU compiler: what is expected, what came out, what is kept."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from convert.cards import today, write_card
from convert.edgetpu.compiler import check_log, find_compiler, run_compiler
from convert.edgetpu.log import CompiledModel, CompileError, mapped_by_op, parse_models, parse_rows
from convert.edgetpu.verdicts import ON_CHIP_BYTES, Where, refusals, verdicts_of
from edge.errors import ModelError, UsageError
from edge.inference.card import card_path, load_card, sha256_of
from training.tflite_graph import read_graph, told_as_damage


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known about a model before it is compiled."""

    model: Path
    mapped: dict[str, int]
    """Kind of operation -> number of them that should run on the Edge TPU."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model that was compiled."""

    expected: Expected
    compiled: CompiledModel
    version: str
    """The compiler's."""
    missed: tuple[str, ...]
    """One line for each kind of operation that should run on the Edge TPU and does not."""


def expect(model: Path) -> Expected:
    """Look at a model and its card. What the compiler will probably refuse is said on stderr.

    Raises ModelError if the file or the card is not usable, or if the model is compiled already.
    """
    load_card(model)
    graph = read_graph(model)
    with told_as_damage(model):
        verdicts = verdicts_of(graph)
    if any(verdict.code == "compiled" for verdict in verdicts):
        raise ModelError(
            f"{model}: is compiled for the Edge TPU already", "give the int8 file that it was made of"
        )
    for reason in refusals(graph, verdicts):
        print(f"{model}: the compiler will probably refuse it: {reason}", file=sys.stderr)
    return Expected(model, dict(Counter(v.op.name for v in verdicts if v.where is Where.EDGETPU)))


def compiled_name(model: Path) -> str:
    """The name that the compiler gives a model's compiled file."""
    return f"{model.stem}_edgetpu.tflite"


def collect(expected: Sequence[Expected], version: str, log: str, folder: Path) -> list[Outcome]:
    """One outcome for each model of a call. folder: where the compiler wrote.

    Raises CompileError if a file or its part of the log is missing.
    """
    parts = {part.name: part for part in parse_models(log)}
    return [_outcome(one, parts.get(one.model.name), version, folder) for one in expected]


def _outcome(expected: Expected, part: CompiledModel | None, version: str, folder: Path) -> Outcome:
    """One model's outcome. part: what the log of the call says of it."""
    name = expected.model.name
    made = folder / compiled_name(expected.model)
    if not made.is_file():
        raise CompileError(
            "no_output",
            f"{name}: the compiler reports no error, but wrote no {made.name}",
            "is there room on the disk?",
        )
    own_log = made.with_suffix(".log")
    if part is not None and not part.rows and own_log.is_file():
        part = replace(part, rows=parse_rows(own_log.read_text(encoding="utf-8", errors="replace")))
    if part is None or not part.rows:
        raise CompileError(
            "unreadable",
            f"{name}: the compiler's log has no table of operations",
            "is it version 15 or 16?",
        )
    return Outcome(expected, part, version, missed(expected, part))


def missed(expected: Expected, compiled: CompiledModel) -> tuple[str, ...]:
    """What should run on the Edge TPU and does not, a line per kind of operation, with the reason."""
    mapped = mapped_by_op(compiled.rows)
    lines = []
    for op, count in expected.mapped.items():
        if mapped.get(op, 0) < count:
            reasons = sorted({row.status for row in compiled.rows if row.op == op and not row.mapped})
            why = "; ".join(reasons) or "it is not in the log"
            lines.append(f"{op}: {mapped.get(op, 0)} of {count} mapped ({why})")
    return tuple(lines)


def share(part: CompiledModel) -> float:
    """The share of the on-chip memory, 0..1, that a model's parameters take."""
    return max(part.on_chip, 0) / ON_CHIP_BYTES


def compiled_card(model: Path, outcome: Outcome, together_with: Sequence[str]) -> dict[str, Any]:
    """The card of a compiled file: its source's, with what the file is and how it was made."""
    source = outcome.expected.model
    card: dict[str, Any] = json.loads(card_path(source).read_text(encoding="utf-8"))
    part = outcome.compiled
    return card | {
        "name": model.stem,
        "sha256": sha256_of(model),
        "bytes": model.stat().st_size,
        "created": today(),
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
    path = out / compiled_name(outcome.expected.model)
    shutil.move(folder / path.name, path)
    write_card(path, compiled_card(path, outcome, together_with))
    return path


def compile_models(arguments: argparse.Namespace) -> list[Outcome]:
    """Compile all models and write the files and cards into `--out`.

    With `--co-compile` in one call, else in a call for each model. If a model of a call missed something,
    none of that call is kept, unless `--allow-cpu` says so. Raises UsageError, CompileError, ModelError.
    """
    models: list[Path] = arguments.models
    name, count = Counter(model.stem for model in models).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"two models are named {name}, and their compiled files would have one name",
            "rename one of them, with its card",
        )
    compiler = find_compiler()
    expected = [expect(model) for model in models]
    arguments.out.mkdir(parents=True, exist_ok=True)
    calls = [expected] if arguments.co_compile else [[one] for one in expected]
    return [outcome for call in calls for outcome in _compile_together(compiler, call, arguments)]


def _compile_together(
    compiler: str, expected: Sequence[Expected], arguments: argparse.Namespace
) -> list[Outcome]:
    """Compile some models in one call, and keep the files if all went well.

    The compiler writes into a folder of its own: a file of an earlier run must not pass for one of this run.
    """
    files = [one.model for one in expected]
    with tempfile.TemporaryDirectory(dir=arguments.out) as name:
        folder = Path(name)
        code, log = run_compiler(compiler, files, folder, arguments.timeout)
        outcomes = collect(expected, check_log(code, log, files), log, folder)
        if arguments.allow_cpu or not any(outcome.missed for outcome in outcomes):
            for outcome in outcomes:
                others = [file.name for file in files if file != outcome.expected.model]
                keep(outcome, folder, arguments.out, others)
    return outcomes
