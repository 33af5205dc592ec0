"""Reads what `edgetpu_compiler` prints: which operations it mapped, how much memory the parameters take, or why it failed.

The format is that of versions 15 and 16 as users posted it at https://github.com/google-coral/edgetpu/issues; the issues' numbers stand below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from edge.errors import ModelError

MAPPED = "Mapped to Edge TPU"
VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)
ROW = re.compile(r"^([A-Z][A-Z0-9_]*)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
INPUT = re.compile(r"^Input(?: model)?: (.+?)\s*$", re.MULTILINE)
SIZE = re.compile(r"([\d.]+)([KMG]i)?B")
UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True, slots=True)
class LogRow:
    """So many operations of a kind that share one fate. status: in the compiler's words."""

    op: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """True where they run on the Edge TPU."""
        return self.status == MAPPED


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What the log says of one model. Sizes in bytes, -1 where the log is silent.

    on_chip: parameters that stay in the Edge TPU's memory. remaining: what is left of it, after all models of one call.
    off_chip: parameters that are sent anew for every inference. operations: how many the model had before compiling.
    """

    name: str
    on_chip: int
    remaining: int
    off_chip: int
    subgraphs: int
    operations: int
    rows: tuple[LogRow, ...]


class CompileError(ModelError):
    """The compiler failed. kind: a stable word for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Failure:
    """A text that tells one failure from the others, and what to do about it."""

    kind: str
    text: re.Pattern[str]
    advice: str


FAILURES = (
    Failure(
        "not_quantised",
        re.compile(r"Model not quantized"),
        "the model is not quantised to int8: make it with `python -m convert.quantize`",
    ),
    Failure(
        "op_version",
        re.compile(r"Didn't find op for builtin opcode '(?P<op>[^']*)' version '(?P<version>\d+)'"),
        "version {version} of {op} is newer than the compiler: convert with an older TensorFlow, or change the layer",
    ),
    Failure(
        "dynamic",
        re.compile(r"only supports static-sized tensors"),
        "a tensor's size is not fixed: convert with batch 1 and without operations whose result has no fixed size",
    ),
    Failure(
        "large_activations",
        re.compile(r"large activation tensors"),
        "its activations do not fit on the chip: make the input smaller, or the first layers narrower",
    ),
    Failure(
        "timeout",
        re.compile(r"^Compilation timeout", re.MULTILINE),
        "the compiler gave up after its own time limit: make the input smaller",
    ),
    Failure(
        "exception",
        re.compile(r"terminating with uncaught exception of type (?P<what>.+)"),
        "the compiler broke: {what}; try a smaller input",
    ),
    Failure(
        "internal",
        re.compile(r"Internal compiler error|Compilation failed: Internal error"),
        "internal error of the compiler, which says no more: `python -m convert.inspect` shows doubtful operations; a smaller input often helps",
    ),
    Failure(
        "crash",
        re.compile(r"Segmentation fault|Aborted|Illegal instruction|Bus error"),
        "the compiler crashed: try a smaller input, or a part of the model",
    ),
    Failure(
        "interpreter",
        re.compile(r"Model failed in Tflite interpreter"),
        "the compiler's TensorFlow Lite cannot run the model",
    ),
    Failure(
        "invalid",
        re.compile(r"Model could not be parsed|^Invalid model", re.MULTILINE),
        "the compiler cannot read the model",
    ),
    Failure(
        "failed",
        re.compile(r"^Compilation failed", re.MULTILINE),
        "the compiler failed and does not say why; a smaller input often helps",
    ),
)
"""The first that fits, so the telling ones stand before the general: a log with the reason ends in "Compilation failed!", too.

In this order: #313, #631, #829, #439, #686, #728, #173 and #212, #643, #829, #879, #800.
"""


def find_failure(log: str) -> tuple[str, str] | None:
    """Kind and advice of the first failure that fits a log; None for a log without one."""
    for failure in FAILURES:
        found = failure.text.search(log)
        if found:
            return failure.kind, failure.advice.format(**found.groupdict())
    return None


def find_version(log: str) -> str | None:
    """The compiler's version; None where the log does not name it."""
    found = VERSION.search(log)
    return found[1] if found else None


def parse_bytes(text: str) -> int:
    """`5.90MiB` -> 6186598. Raises ValueError."""
    found = SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size")
    return round(float(found[1]) * UNITS[found[2] or ""])


def parse_rows(log: str) -> tuple[LogRow, ...]:
    """The table `Operator Count Status`, from the screen or from an operation log; empty where there is none."""
    _, header, table = log.partition("Operator ")
    return tuple(LogRow(op, int(count), status) for op, count, status in ROW.findall(table)) if header else ()


def parse_models(log: str) -> list[CompiledModel]:
    """One entry per model of a call, in the log's order; none in a log of a failure. Raises ModelError where a size cannot be read."""
    starts = [found.start() for found in INPUT.finditer(log)]
    return [_parse_model(log[start:end]) for start, end in pairwise([*starts, len(log)])]


def _parse_model(part: str) -> CompiledModel:
    found = INPUT.search(part)
    name = PurePosixPath(found[1]).name if found else ""
    try:
        return CompiledModel(
            name=name,
            on_chip=_size(part, "On-chip memory used for caching model parameters"),
            remaining=_size(part, "On-chip memory remaining for caching model parameters"),
            off_chip=_size(part, "Off-chip memory used for streaming uncached model parameters"),
            subgraphs=int(_field(part, "Number of Edge TPU subgraphs") or -1),
            operations=int(_field(part, "Total number of operations") or -1),
            rows=parse_rows(part),
        )
    except ValueError as error:
        raise CompileError(
            "unreadable", f"{name}: the compiler's log cannot be read ({error}); is it version 15 or 16?"
        ) from error


def _field(part: str, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}: (.+?)\s*$", part, re.MULTILINE)
    return found[1] if found else None


def _size(part: str, name: str) -> int:
    text = _field(part, name)
    return -1 if text is None else parse_bytes(text)


def mapped_by_op(rows: Sequence[LogRow]) -> dict[str, int]:
    """How many operations of each kind run on the Edge TPU."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.op] = counts.get(row.op, 0) + (row.count if row.mapped else 0)
    return counts
