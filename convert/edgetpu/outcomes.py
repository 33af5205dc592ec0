"""Models before and after the Edge TPU compiler."""

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
from edge.errors import ModelError, UsageError
from edge.inference.card import card_path, load_card, sha256_of
from training.tflite_graph import read_graph


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
