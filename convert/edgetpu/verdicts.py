"""A verdict for each operation of a graph before any compiler has run: will it run on the Edge TPU, and if
not, why.

The checks of single operations are in `convert.edgetpu.operations`. Sources, by the marks below: [reqs]
https://coral.ai/docs/edgetpu/models-intro/#compiling [compiler] https://coral.ai/docs/edgetpu/compiler/ [#N]
https://github.com/google-coral/edgetpu/issues/N, logs of the compiler and its maintainers' words The
compiler's source is closed. Its last version, 16.0.384591198, is of 2021. What none of these sources says is
called "not known" here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from convert.edgetpu.operations import BYTE_TYPES, CHECKS, RULES, Rule
from training.tflite_graph import Graph, Op

COMPILER_VERSION = "16.0.384591198"

ON_CHIP_BYTES = 8 * 2**20
"""Memory of the Edge TPU for parameters: "roughly 8 MB" [compiler].

In logs 7.7 to 8.0 MiB are left for them; the program takes the rest.
"""

COMPILED_OP = "edgetpu-custom-op"
"""The custom operation that the compiler puts in place of what it mapped."""

UNKNOWABLE = (
    'whether activations fit ("large activation tensors"): it depends on how the compiler schedules layers; '
    "a smaller input helps",
    "how much on-chip memory the parameters take: the compiler stores them in its own, larger form",
    'the "unspecified limitation": RESIZE_*, RESHAPE and TRANSPOSE of some sizes are left to the CPU',
    "operations of versions newer than plain int8 needs and older than TensorFlow 2.6: the compiler reads "
    "them, but nothing says which of them run on the Edge TPU",
)
"""What only the compiler can say [#427] [#439] [#512]."""


class Where(StrEnum):
    """Where an operation will run, as far as that can be known without the compiler."""

    EDGETPU = "Edge TPU"
    UNKNOWN = "not known"
    CPU = "CPU"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where one operation will run, and why."""

    op: Op
    where: Where
    code: str = "ok"
    """A word for the reason that stays the same between versions."""
    why: str = ""
    """The reason as a sentence for people; empty if it runs on the Edge TPU."""
    note: str = ""
    """A doubt about an operation that should run on the Edge TPU."""


def verdicts_of(graph: Graph) -> list[Verdict]:
    """A verdict for every operation, in the graph's order.

    It depends on the operation itself, and on where the graph is cut into Edge TPU and CPU.
    """
    own = [verdict_of(op) for op in graph.ops]
    first = first_part(graph, [verdict.where is not Where.CPU for verdict in own])
    cut = _cut(graph, own, first)
    return [
        verdict
        if verdict.where is Where.CPU or verdict.op.index in first
        else replace(
            verdict,
            where=Where.CPU,
            code="stranded",
            why=f"could map, but comes after the cut{cut}: one part of a graph maps, not two",
        )
        for verdict in own
    ]


def first_part(graph: Graph, mappable: Sequence[bool]) -> set[int]:
    """Indices of the operations in the one part that runs on the Edge TPU. mappable: by operation.

    The compiler cuts a model only once. Everything behind the first unsupported operation runs on the CPU
    [reqs]; what could have mapped is logged as "More than one subgraph is not supported". "Behind" means the
    flow of data, as when TensorFlow Lite partitions a graph for a delegate (graph_info.cc): a branch that
    does not depend on the unsupported operation still maps. Unsupported operations before the first supported
    one, such as a QUANTIZE of a float input, cut nothing off [#13]. That the compiler does exactly this is a
    conclusion from its logs.
    """
    ready = {tensor.index for tensor in graph.inputs} | {
        t.index for op in graph.ops for t in op.given if t.constant is not None
    }
    left = list(graph.ops)
    while left:
        kind = next((mappable[op.index] for op in left if _runnable(op, ready)), None)
        if kind is None:  # no operation can run: nothing makes its inputs
            return set()
        part: set[int] = set()
        grew = True
        while grew:
            before = len(part)
            for op in left:  # in the order in which they run: one round is enough for a file in order
                if mappable[op.index] is kind and _runnable(op, ready):
                    part.add(op.index)
                    ready |= {tensor.index for tensor in op.outputs}
            left = [op for op in left if op.index not in part]
            grew = len(part) > before
        if kind:
            return part
    return set()


def _cut(graph: Graph, own: Sequence[Verdict], first: set[int]) -> str:
    """Words for the operation that cuts the graph.

    It is the first one that cannot map and reads what the Edge TPU made.
    """
    made = {tensor.index for op in graph.ops if op.index in first for tensor in op.outputs}
    for verdict in own:
        if verdict.where is Where.CPU and any(tensor.index in made for tensor in verdict.op.given):
            return f" at {verdict.op.name} (op {verdict.op.index})"
    return ""


def _runnable(op: Op, ready: set[int]) -> bool:
    return all(tensor.index in ready for tensor in op.given)


def verdict_of(op: Op) -> Verdict:
    """The verdict for an operation by itself. The first check that finds something decides."""
    if op.name == "CUSTOM":
        if op.custom == COMPILED_OP:
            return Verdict(op, Where.EDGETPU, "compiled", "already compiled")
        return Verdict(op, Where.CPU, "custom", f"custom operation {op.custom}")
    rule = RULES.get(op.name)
    if rule is None:
        return Verdict(op, Where.CPU, "unsupported", "the Edge TPU has no such operation")
    if op.version > rule.read:
        newest = f"the compiler's TensorFlow Lite, which reads up to {rule.read}"
        return Verdict(op, Where.CPU, "version", f"version {op.version} is newer than {newest}")
    if "LSTM" in op.name:
        return Verdict(
            op, Where.UNKNOWN, "version", "unidirectional LSTMs map, in which form is not documented"
        )
    for check in CHECKS:
        found = check(op, rule)
        if found:
            return Verdict(op, Where.CPU, *found)
    return _doubts(op, rule)


def _doubts(op: Op, rule: Rule) -> Verdict:
    if op.version > rule.int8:
        why = (
            f"version {op.version}, plain int8 needs {rule.int8}: the compiler reads it, "
            "whether it maps it is not documented"
        )
        return Verdict(op, Where.UNKNOWN, "version", why)
    open_sizes = [t for t in op.activations if -1 in t.signature]
    if open_sizes:
        why = (
            f"the batch or size of {open_sizes[0].name} is left open ({list(open_sizes[0].signature)}); "
            "sizes must be fixed: convert with batch 1"
        )
        return Verdict(op, Where.UNKNOWN, "dynamic", why)
    return Verdict(op, Where.EDGETPU, note=rule.note)


def refusals(graph: Graph, verdicts: Sequence[Verdict]) -> list[str]:
    """Documented reasons for which the compiler will refuse the whole file; empty if there is none."""
    found = []
    if any(verdict.code == "compiled" for verdict in verdicts):
        found.append("it is compiled for the Edge TPU already")
    elif not any(
        tensor.dtype in BYTE_TYPES and tensor.scales for op in graph.ops for tensor in op.activations
    ):
        found.append('nothing in it is quantised ("Model not quantized")')
    for verdict in verdicts:
        if verdict.code == "version" and verdict.where is Where.CPU:
            found.append(f'{verdict.op.name} {verdict.why} ("Didn\'t find op for builtin opcode")')
            break
    if any(verdict.code == "dynamic" and verdict.where is Where.CPU for verdict in verdicts):
        found.append('it has tensors of no fixed size ("only supports static-sized tensors")')
    return found
