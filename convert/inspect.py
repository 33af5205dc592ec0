"""`python -m convert.inspect`: what is in a TFLite file, and which of it an Edge TPU will run.

The verdicts come from documentation, not from the compiler, which may refuse more. The end of the report
lists what only the compiler knows.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convert.edgetpu.verdicts import (
    COMPILER_VERSION,
    ON_CHIP_BYTES,
    UNKNOWABLE,
    Verdict,
    Where,
    refusals,
    verdicts_of,
)
from convert.tables import format_table
from training.commands import run_command
from training.tflite_graph import (
    Graph,
    GraphTensor,
    macs,
    parameter_bytes,
    read_graph,
    told_as_damage,
    total_parameter_bytes,
)


def tensor_entry(tensor: GraphTensor) -> dict[str, Any]:
    """A tensor for JSON. Of a constant it gives the number of bytes, of scales per channel their number."""
    quantisation: dict[str, Any] | None = None
    if tensor.per_channel:
        quantisation = {"axis": tensor.axis, "channels": len(tensor.scales)}
    elif tensor.scales:
        quantisation = {"scale": tensor.scales[0], "zero_point": (tensor.zero_points or (0,))[0]}
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "signature": list(tensor.signature),
        "quantisation": quantisation,
        "constant_bytes": None if tensor.constant is None else len(tensor.constant),
    }


def op_entry(verdict: Verdict) -> dict[str, Any]:
    """An operation and its verdict for JSON."""
    op = verdict.op
    return {
        "index": op.index,
        "name": op.name,
        "custom": op.custom or None,
        "version": op.version,
        "inputs": [tensor_entry(tensor) for tensor in op.given],
        "outputs": [tensor_entry(tensor) for tensor in op.outputs],
        "macs": macs(op),
        "parameter_bytes": parameter_bytes(op),
        "where": verdict.where.value,
        "code": verdict.code,
        "why": verdict.why,
        "note": verdict.note,
    }


def inspect_model(path: Path) -> dict[str, Any]:
    """The whole report on a file. Raises ModelError if it cannot be read."""
    graph = read_graph(path)
    with told_as_damage(path):
        return _report(path, graph)


def _report(path: Path, graph: Graph) -> dict[str, Any]:
    """The report on a graph. A damaged one can make it raise one of `training.tflite_graph.DAMAGE`."""
    verdicts = verdicts_of(graph)
    places = Counter(verdict.where for verdict in verdicts)
    return {
        "model": str(path),
        "bytes": graph.size,
        "description": graph.description,
        "subgraphs": graph.subgraphs,
        "inputs": [tensor_entry(tensor) for tensor in graph.inputs],
        "outputs": [tensor_entry(tensor) for tensor in graph.outputs],
        "ops": [op_entry(verdict) for verdict in verdicts],
        "totals": totals(graph)
        | {"edgetpu": places[Where.EDGETPU], "not_known": places[Where.UNKNOWN], "cpu": places[Where.CPU]},
        "refused": refusals(graph, verdicts),
        "compiler": COMPILER_VERSION,
        "only_the_compiler_knows": list(UNKNOWABLE),
    }


def totals(graph: Graph) -> dict[str, int]:
    """Counts over a graph. on_chip_bytes: the Edge TPU's memory for the parameters of all its models."""
    return {
        "ops": len(graph.ops),
        "macs": sum(macs(op) for op in graph.ops),
        "parameter_bytes": total_parameter_bytes(graph),
        "on_chip_bytes": ON_CHIP_BYTES,
    }


def mapped_wholly(report: dict[str, Any]) -> bool:
    """True if every operation is expected on the Edge TPU and there is no reason to refuse the file."""
    return not report["refused"] and report["totals"]["edgetpu"] == report["totals"]["ops"]


def _shape(tensors: Sequence[dict[str, Any]]) -> str:
    return " ".join("x".join(map(str, tensor["shape"])) or "scalar" for tensor in tensors)


def _quantisation(op: dict[str, Any]) -> str:
    """Scale and zero point of the first output, and the number of the weights' scales."""
    words = []
    if op["outputs"] and (out := op["outputs"][0]["quantisation"]) and "scale" in out:
        words.append(f"{out['scale']:.4g}/{out['zero_point']}")
    channels = [
        t["quantisation"]
        for t in op["inputs"]
        if t["constant_bytes"] is not None and t["quantisation"] and "axis" in t["quantisation"]
    ]
    if channels:
        words.append(f"w {channels[0]['channels']} ch, axis {channels[0]['axis']}")
    return ", ".join(words) or "-"


def _row(op: dict[str, Any]) -> list[str]:
    data = [tensor for tensor in op["inputs"] if tensor["constant_bytes"] is None]
    where = op["where"] + (f": {op['why']}" if op["why"] else f" ({op['note']})" if op["note"] else "")
    tensors = op["outputs"] or op["inputs"]
    kind = tensors[0]["dtype"] if tensors else "-"
    name = op["custom"] or op["name"]
    shapes = f"{_shape(data)} -> {_shape(op['outputs'])}"
    return [
        str(op["index"]),
        name,
        str(op["version"]),
        shapes,
        kind,
        _quantisation(op),
        f"{op['macs']:,}",
        f"{op['parameter_bytes']:,}",
        where,
    ]


def summary(report: dict[str, Any]) -> str:
    """Operations by kind, place and reason."""
    kinds = Counter(
        (op["custom"] or op["name"], f"v{op['version']}", op["where"], op["code"]) for op in report["ops"]
    )
    rows = [
        [name, version, str(n), where, "" if code == "ok" else code]
        for (name, version, where, code), n in kinds.items()
    ]
    return format_table(("op", "version", "count", "where", "why"), rows, right=(2,))


def report_text(report: dict[str, Any]) -> str:
    """The report for people."""
    header = (
        "#",
        "op",
        "v",
        "input -> output",
        "type",
        "scale/zero point",
        "MACs",
        "parameter bytes",
        "where",
    )
    sums = report["totals"]
    share = sums["parameter_bytes"] / sums["on_chip_bytes"]
    lines = [
        f"{report['model']}: {report['bytes']:,} bytes, {sums['ops']} operations "
        f"({report['description'] or 'no description'})",
        *(
            f"{end[:-1]} {t['name']}: {t['dtype']} {_shape([t])}"
            for end in ("inputs", "outputs")
            for t in report[end]
        ),
        "",
        format_table(header, [_row(op) for op in report["ops"]], right=(0, 2, 6, 7)),
        "",
        summary(report),
        "",
        f"total: {sums['macs']:,} MACs, {sums['parameter_bytes']:,} parameter bytes, "
        f"{share:.0%} of the roughly 8 MB on the chip",
        f"Edge TPU {sums['edgetpu']}, not known {sums['not_known']}, CPU {sums['cpu']}",
    ]
    if report["subgraphs"] > 1:
        lines.append(f"the file has {report['subgraphs']} graphs; this report is about the main one")
    lines += [f"the compiler will refuse this file: {reason}" for reason in report["refused"]]
    lines += [
        "",
        f"From documentation. Only the compiler ({report['compiler']}, of 2021) knows:",
        *(f"- {text}" for text in UNKNOWABLE),
    ]
    return "\n".join(lines)


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    report = inspect_model(arguments.model)
    print(json.dumps(report) if arguments.json else report_text(report))
    return 1 if arguments.require_mapped and not mapped_wholly(report) else 0


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m convert.inspect", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("model", type=Path, metavar="MODEL", help="a .tflite file that is not compiled yet")
    add("--json", action="store_true", help="print one JSON object")
    add(
        "--require-mapped", action="store_true", help="exit with 1 if an operation will or may run on the CPU"
    )
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
