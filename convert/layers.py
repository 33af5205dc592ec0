"""Where does int8 lose accuracy? Every operation of an int8 file against the same operation of its float model, over the same pictures.

It looks at the very file that ships. TensorFlow's QuantizationDebugger would quantise anew and judge what that gives.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from convert.tables import format_table
from edge.errors import ModelError
from edge.inference.interpreter import import_runtime
from edge.preprocess import normalise, quantise
from edge.types import Pixels
from training.tflite_graph import Graph, Op, Tensor, read_graph

T = TypeVar("T")
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LayerError:
    """One operation's error, dB, of its first output.

    sqnr_db: signal to quantisation noise, 10 log10(sum x^2 / sum (x - x')^2), with all that was lost before it: x float, x' dequantised.
    lost_db: how much worse that is than at its worst input; where this is high, accuracy is lost. weights_db: the same measure of its weights,
    None without. clipped: part of the float values, 0..1, that lie outside what the int8 tensor can hold.
    """

    index: int
    op: str
    name: str
    shape: tuple[int, ...]
    sqnr_db: float
    lost_db: float
    weights_db: float | None
    clipped: float


class _Sums:
    """Running sums over pictures for one tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self._scale, self._zero = (tensor.scales[0], tensor.zero_points[0]) if tensor.scales else (1.0, 0)
        self._kind = np.iinfo(tensor.dtype) if tensor.dtype in ("int8", "uint8", "int16") else None
        self.signal = self.noise = 0.0
        self.clipped = self.count = 0

    def add(self, expected: Doubles, got: npt.NDArray[Any]) -> None:
        value = (got.astype(np.float64) - self._zero) * self._scale
        self.signal += float(np.sum(expected**2))
        self.noise += float(np.sum((expected - value) ** 2))
        if self._kind is not None:
            low, high = (
                (limit - self._zero) * self._scale for limit in (self._kind.min - 0.5, self._kind.max + 0.5)
            )
            self.clipped += int(np.sum((expected < low) | (expected > high)))
        self.count += expected.size


def layer_errors(float_file: bytes, int8_file: Path, pictures: Iterable[Pixels]) -> list[LayerError]:
    """Every operation in the graph's order. pictures: uint8 (height, width, 3) RGB of the model's size.

    Raises ModelError where the two files do not have the same operations.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.tflite"
        path.write_bytes(float_file)
        pairs = _pairs(read_graph(path), read_graph(int8_file), int8_file)
        run_float, run_int8 = _runner(path), _runner(int8_file)
    sums = {op.outputs[0].index: _Sums(op.outputs[0]) for _, op in pairs}
    for picture in pictures:
        expected = run_float(picture)
        got = run_int8(picture)
        for reference, op in pairs:
            sums[op.outputs[0].index].add(
                expected(reference.outputs[0].index).astype(np.float64), got(op.outputs[0].index)
            )
    measured = {index: _decibels(one.signal, one.noise) for index, one in sums.items()}
    return [_error(reference, op, measured, sums[op.outputs[0].index]) for reference, op in pairs]


def layer_entries(float_file: bytes, int8_file: Path, pictures: Iterable[Pixels]) -> list[dict[str, Any]]:
    """`layer_errors`, the worst first, for JSON."""
    return [asdict(error) for error in worst_first(layer_errors(float_file, int8_file, pictures))]


def draw(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, the same ones each time."""
    order = np.random.default_rng(0).permutation(len(items))
    return [items[int(i)] for i in order[:count]]


def worst_first(errors: Sequence[LayerError]) -> list[LayerError]:
    """By what they lose themselves."""
    return sorted(errors, key=lambda error: -error.lost_db)


def layers_text(entries: Sequence[dict[str, Any]], count: int) -> str:
    """The worst operations as a table."""
    header = ("#", "op", "layer", "output", "SQNR dB", "lost dB", "weights dB", "clipped")
    rows = []
    for e in entries[:count]:
        weights = "-" if e["weights_db"] is None else f"{e['weights_db']:.1f}"
        shape = "x".join(map(str, e["shape"]))
        rows.append(
            (
                str(e["index"]),
                e["op"],
                short_name(e["name"]),
                shape,
                f"{e['sqnr_db']:.1f}",
                f"{e['lost_db']:.1f}",
                weights,
                f"{e['clipped']:.2%}",
            )
        )
    return format_table(header, rows, right=(0, 4, 5, 6, 7))


def short_name(name: str) -> str:
    """The Keras layer: `model_1/base_1/block_1_expand_BN_1/batchnorm/add_1;...` -> `block_1_expand_BN`."""
    parts = name.split(";")[0].split("/")
    layer = parts[parts.index("batchnorm") - 1] if "batchnorm" in parts else parts[max(len(parts) - 2, 0)]
    return layer.removesuffix("_1")


def _pairs(reference: Graph, quantised: Graph, path: Path) -> list[tuple[Op, Op]]:
    """Each int8 operation that computes something, with its float twin: by the name of the output, for the order may differ."""
    known = {(op.name, op.outputs[0].name, op.outputs[0].shape): op for op in reference.ops}
    pairs = []
    for op in quantised.ops:
        twin = known.get((op.name, op.outputs[0].name, op.outputs[0].shape))
        if twin is not None:
            pairs.append((twin, op))
        elif op.name not in ("QUANTIZE", "DEQUANTIZE"):
            raise ModelError(
                f"{path}: its {op.name} (op {op.index}) is not in the float model; give the run that it was made of"
            )
    return pairs


def _runner(path: Path) -> Callable[[Pixels], Callable[[int], npt.NDArray[Any]]]:
    """A function that runs a picture and gives access to every tensor. Plain kernels: fused ones leave nothing to look at."""
    module = import_runtime().module
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(
        model_content=path.read_bytes(),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=plain,
        num_threads=2,
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]

    def run(picture: Pixels) -> Callable[[int], npt.NDArray[Any]]:
        values = (
            normalise(picture) if entry["dtype"] is np.float32 else quantise(picture, *entry["quantization"])
        )
        interpreter.set_tensor(entry["index"], values[None])
        interpreter.invoke()
        return interpreter.get_tensor  # type: ignore[no-any-return]

    return run


def _error(reference: Op, op: Op, measured: dict[int, float], sums: _Sums) -> LayerError:
    output = op.outputs[0]
    before = min(
        (measured[tensor.index] for tensor in op.given if tensor.index in measured), default=math.inf
    )
    sqnr = measured[output.index]
    lost = before - sqnr if math.isfinite(before) else 0.0
    return LayerError(
        op.index,
        op.name,
        output.name,
        output.shape,
        sqnr,
        lost,
        _weights_db(reference, op),
        sums.clipped / max(sums.count, 1),
    )


def _weights_db(reference: Op, op: Op) -> float | None:
    """How well the int8 weights hold the float ones."""
    if len(op.inputs) < 2 or op.name not in (
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "TRANSPOSE_CONV",
        "FULLY_CONNECTED",
    ):
        return None
    weights, exact = op.inputs[1], reference.inputs[1]
    if weights is None or exact is None:
        return None
    values, expected = weights.real_values(), exact.values()
    if values is None or expected is None or values.size != expected.size:
        return None
    difference = expected.reshape(weights.shape) - values
    return _decibels(float(np.sum(expected.astype(np.float64) ** 2)), float(np.sum(difference**2)))


def _decibels(signal: float, noise: float) -> float:
    """99 where there is no noise, so that tables and JSON hold numbers."""
    if noise <= 0:
        return 99.0
    return 10 * math.log10(max(signal, 1e-30) / noise)
