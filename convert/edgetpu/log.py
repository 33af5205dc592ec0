"""Reads what `edgetpu_compiler` prints: which operations run where, how much memory they take, or what
failed.

The format is that of versions 15 and 16, as users posted it at
https://github.com/google-coral/edgetpu/issues. Numbers with # are of these issues.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

from edge.errors import ModelError

MAPPED = "Mapped to Edge TPU"
"""The status of operations that run on the Edge TPU."""

VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)
ROW = re.compile(r"^([A-Z][A-Z0-9_]*)[ \t]+(\d+)[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
INPUT = re.compile(r"^Input(?: model)?: (.+?)\s*$", re.MULTILINE)
SIZE = re.compile(r"([\d.]+)([KMG]i)?B")
UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True, slots=True)
class LogRow:
    """Operations of one kind that run in the same place for the same reason."""

    op: str
    count: int
    status: str
    """In the compiler's words."""

    @property
    def mapped(self) -> bool:
        """True if they run on the Edge TPU."""
        return self.status == MAPPED


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What the log says of one model. A number is -1 if the log does not give it."""

    name: str
    on_chip: int
    """Bytes of parameters that stay in the Edge TPU's memory."""
    remaining: int
    """Bytes that are left of this memory after all models of the call."""
    off_chip: int
    """Bytes of parameters that are sent again for every inference."""
    subgraphs: int
    """Parts of the graph that run on the Edge TPU."""
    operations: int
    """Operations that the model had before compiling."""
    rows: tuple[LogRow, ...]


class CompileError(ModelError):
    """The compiler failed. kind: a word for the reason that stays the same between versions."""

    def __init__(self, kind: str, what: str, cure: str = "") -> None:
        super().__init__(what, cure)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Failure:
    """A pattern that tells one failure from the others, and what a person is told."""

    kind: str
    pattern: re.Pattern[str]
    what: str
    """What is wrong. Named groups of the pattern are filled in."""
    cure: str
    """What to do; empty if nothing is known to help."""


FAILURES = (
    Failure(
        "not_quantised",
        re.compile(r"Model not quantized"),  # 313
        "the model is not quantised to int8",
        "make it with `python -m convert.quantize`",
    ),
    Failure(
        "op_version",
        re.compile(r"Didn't find op for builtin opcode '(?P<op>[^']*)' version '(?P<version>\d+)'"),  # 631
        "version {version} of {op} is newer than the compiler",
        "convert with an older TensorFlow, or change the layer",
    ),
    Failure(
        "dynamic",
        re.compile(r"only supports static-sized tensors"),  # 829
        "a tensor's size is not fixed",
        "convert with batch 1 and without operations whose result has no fixed size",
    ),
    Failure(
        "large_activations",
        re.compile(r"large activation tensors"),  # 439
        "its activations do not fit on the chip",
        "make the input smaller, or the first layers narrower",
    ),
    Failure(
        "timeout",
        re.compile(r"^Compilation timeout", re.MULTILINE),  # 686
        "the compiler gave up after its own time limit",
        "make the input smaller",
    ),
    Failure(
        "exception",
        re.compile(r"terminating with uncaught exception of type (?P<what>.+)"),  # 728
        "the compiler broke: {what}",
        "try a smaller input",
    ),
    Failure(
        "internal",
        re.compile(r"Internal compiler error|Compilation failed: Internal error"),  # 173, 212
        "internal error of the compiler, which says no more",
        "`python -m convert.inspect` shows doubtful operations; a smaller input often helps",
    ),
    Failure(
        "crash",
        re.compile(r"Segmentation fault|Aborted|Illegal instruction|Bus error"),  # 643
        "the compiler crashed",
        "try a smaller input, or a part of the model",
    ),
    Failure(
        "interpreter",
        re.compile(r"Model failed in Tflite interpreter"),  # 829
        "the compiler's TensorFlow Lite cannot run the model",
        "",
    ),
    Failure(
        "invalid",
        re.compile(r"Model could not be parsed|^Invalid model", re.MULTILINE),  # 879
        "the compiler cannot read the model",
        "",
    ),
    Failure(
        "failed",
        re.compile(r"^Compilation failed", re.MULTILINE),  # 800
        "the compiler failed and does not say why",
        "a smaller input often helps",
    ),
)
"""The first one that fits a log counts. The precise ones come before the general ones, because a log with a
reason also ends in "Compilation failed!".
"""


class FoundFailure(NamedTuple):
    """A failure that a log shows."""

    kind: str
    what: str
    cure: str


def find_failure(log: str) -> FoundFailure | None:
    """The first failure that fits a log; None for a log without one."""
    for failure in FAILURES:
        found = failure.pattern.search(log)
        if found:
            return FoundFailure(failure.kind, failure.what.format(**found.groupdict()), failure.cure)
    return None


def find_version(log: str) -> str | None:
    """The compiler's version; None if the log does not name it."""
    found = VERSION.search(log)
    return found[1] if found else None


def parse_bytes(text: str) -> int:
    """`5.90MiB` -> 6186598. Raises ValueError."""
    found = SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size")
    return round(float(found[1]) * UNITS[found[2] or ""])


def parse_rows(log: str) -> tuple[LogRow, ...]:
    """The table `Operator Count Status`, from the screen or from an operation log; empty if there is none."""
    _, header, table = log.partition("Operator ")
    return tuple(LogRow(op, int(count), status) for op, count, status in ROW.findall(table)) if header else ()


def parse_models(log: str) -> list[CompiledModel]:
    """One entry for each model of a call, in the log's order; none in a log of a failure.

    Raises CompileError if a size cannot be read.
    """
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
            "unreadable", f"{name}: the compiler's log cannot be read ({error})", "is it version 15 or 16?"
        ) from error


def _field(part: str, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}: (.+?)\s*$", part, re.MULTILINE)
    return found[1] if found else None


def _size(part: str, name: str) -> int:
    text = _field(part, name)
    return -1 if text is None else parse_bytes(text)


def mapped_by_op(rows: Sequence[LogRow]) -> dict[str, int]:
    """The number of operations of each kind that run on the Edge TPU."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.op] = counts.get(row.op, 0) + (row.count if row.mapped else 0)
    return counts
