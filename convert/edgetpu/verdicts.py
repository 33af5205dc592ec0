"""What the Edge TPU takes: a verdict per operation before any compiler has run, with the reason where it is no.

What single operations must be like stands in `convert.edgetpu.operations`. Sources, by the marks used below:
[reqs]     https://coral.ai/docs/edgetpu/models-intro/#compiling
[compiler] https://coral.ai/docs/edgetpu/compiler/
[#N]       https://github.com/google-coral/edgetpu/issues/N, logs of the compiler and its maintainers' words
The compiler is closed; its last version, 16.0.384591198, is of 2021. What none of these says is "not known without the compiler" here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from convert.edgetpu.operations import BYTE_TYPES, CHECKS, RULES, Rule
from training.tflite_graph import Graph, Op

COMPILER_VERSION = "16.0.384591198"
ON_CHIP_BYTES = 8 * 2**20
"""Memory of the Edge TPU for parameters, "roughly 8 MB" [compiler]; logs show 7.7 to 8.0 MiB left for them, the program takes the rest."""
COMPILED_OP = "edgetpu-custom-op"

UNKNOWABLE = (
    'whether activations fit ("large activation tensors"): depends on how it schedules layers; a smaller input is the cure',
    "how much on-chip memory the parameters take: it lays them out anew, larger than in the file",
    'its "unspecified limitation": RESIZE_*, RESHAPE and TRANSPOSE of some sizes are left to the CPU',
    "op versions newer than plain int8 needs and older than TensorFlow 2.6: it reads them, nothing says which of them it maps",
)
"""What only the compiler can say [#427] [#439] [#512]."""


class Where(StrEnum):
    """Where an operation will run, as far as it can be known beforehand."""

    EDGETPU = "Edge TPU"
    UNKNOWN = "not known"
    CPU = "CPU"


@dataclass(frozen=True, slots=True)
class Verdict:
    """code: a stable word for `why`, a sentence for people. note: a doubt about an operation that should map."""

    op: Op
    where: Where
    code: str = "ok"
    why: str = ""
    note: str = ""


def judge(graph: Graph) -> list[Verdict]:
    """A verdict for every operation, in the graph's order: what it is by itself, and what the cut of the graph makes of it."""
    own = [judge_op(op) for op in graph.ops]
    first = first_part(graph, [verdict.where is not Where.CPU for verdict in own])
    behind = _behind(graph, own, first)
    return [
        verdict
        if verdict.where is Where.CPU or verdict.op.index in first
        else replace(
            verdict,
            where=Where.CPU,
            code="stranded",
            why=f"could map, but comes after the cut{behind}: one part of a graph maps, not two",
        )
        for verdict in own
    ]


def first_part(graph: Graph, mappable: Sequence[bool]) -> set[int]:
    """Indices of the operations that become the one part which runs on the Edge TPU.

    The compiler does not partition a model more than once: from the first unsupported operation on all runs on the CPU [reqs], and what could have
    mapped is logged as "More than one subgraph is not supported". "On" means the flow of data, as TensorFlow Lite partitions a graph for a delegate
    (graph_info.cc): a branch that does not depend on the unsupported operation still maps, and unsupported operations before the first supported
    one, such as a QUANTIZE of a float input, cut nothing off [#13]. That the compiler does just this is inferred from its logs.
    """
    ready = {tensor.index for tensor in graph.inputs} | {
        t.index for op in graph.ops for t in op.given if t.constant is not None
    }
    left = list(graph.ops)
    while left:
        kind = next((mappable[op.index] for op in left if _runnable(op, ready)), None)
        if kind is None:  # a file whose inputs nothing produces
            return set()
        part: set[int] = set()
        grew = True
        while grew:
            taken = [op for op in left if mappable[op.index] is kind and _runnable(op, ready)]
            for op in taken:
                part.add(op.index)
                ready |= {tensor.index for tensor in op.outputs}
            left = [op for op in left if op.index not in part]
            grew = bool(taken)
        if kind:
            return part
    return set()


def _behind(graph: Graph, own: Sequence[Verdict], first: set[int]) -> str:
    """Which operation cut the graph: the first that cannot map and reads what the Edge TPU made."""
    made = {tensor.index for op in graph.ops if op.index in first for tensor in op.outputs}
    for verdict in own:
        if verdict.where is Where.CPU and any(tensor.index in made for tensor in verdict.op.given):
            return f" at {verdict.op.name} (op {verdict.op.index})"
    return ""


def _runnable(op: Op, ready: set[int]) -> bool:
    return all(tensor.index in ready for tensor in op.given)


def judge_op(op: Op) -> Verdict:
    """The verdict for an operation by itself: the first check that finds something decides."""
    if op.name == "CUSTOM":
        if op.custom == COMPILED_OP:
            return Verdict(op, Where.EDGETPU, "compiled", "already compiled")
        return Verdict(op, Where.CPU, "custom", f"custom operation {op.custom}")
    rule = RULES.get(op.name)
    if rule is None:
        return Verdict(op, Where.CPU, "unsupported", "the Edge TPU has no such operation")
    if op.version > rule.read:
        return Verdict(
            op,
            Where.CPU,
            "version",
            f"version {op.version} is newer than the compiler's TensorFlow Lite, which reads up to {rule.read}",
        )
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
        why = f"version {op.version}, plain int8 needs {rule.int8}: the compiler reads it, whether it maps it is not documented"
        return Verdict(op, Where.UNKNOWN, "version", why)
    open_sizes = [t for t in op.activations if -1 in t.signature]
    if open_sizes:
        why = f"the batch or size of {open_sizes[0].name} is left open ({list(open_sizes[0].signature)}); sizes must be fixed: convert with batch 1"
        return Verdict(op, Where.UNKNOWN, "dynamic", why)
    return Verdict(op, Where.EDGETPU, note=rule.note)


def refusals(graph: Graph, verdicts: Sequence[Verdict]) -> list[str]:
    """Why the compiler will refuse the whole file, as far as that is documented; empty where nothing is known against it."""
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
