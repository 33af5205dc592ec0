"""Where does int8 lose accuracy? Compares every operation of an int8 file with the same one of its float
model.

Both run the same pictures. The int8 file is the one that ships: TensorFlow's QuantizationDebugger would
quantise again and judge the result.
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
from training.tflite_graph import WEIGHTED, Graph, GraphTensor, Op, read_graph, told_as_damage

T = TypeVar("T")
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LayerError:
    """The error of one operation's first output."""

    index: int
    """The operation's place in the order in which they run."""
    op: str
    """Its kind."""
    name: str
    """Of its first output."""
    shape: tuple[int, ...]
    """Of its first output."""
    sqnr_db: float
    """Signal to quantisation noise, dB: 10 log10(sum x^2 / sum (x - x')^2), x float, x' dequantised.

    It includes all that was lost before this operation.
    """
    lost_db: float
    """How much lower that is than at the operation's worst input, dB. Where it is high, accuracy is lost."""
    weights_db: float | None
    """The same measure for the weights; None without weights."""
    clipped: float
    """Share of the float values, 0..1, that are outside the range of the int8 tensor."""


class _Sums:
    """Running sums over pictures for one tensor."""

    def __init__(self, tensor: GraphTensor) -> None:
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
    """The error of every operation, in the graph's order.

    pictures: uint8 (height, width, 3) RGB of the model's size. Raises ModelError if the two files do not have
    the same operations.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.tflite"
        path.write_bytes(float_file)
        with told_as_damage(int8_file):
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
    """At most `count` items at random, the same ones in each call."""
    order = np.random.default_rng(0).permutation(len(items))
    return [items[int(i)] for i in order[:count]]


def worst_first(errors: Sequence[LayerError]) -> list[LayerError]:
    """Sorted by what each of them loses itself."""
    return sorted(errors, key=lambda error: -error.lost_db)


def layers_text(entries: Sequence[dict[str, Any]], count: int) -> str:
    """The worst operations as a table."""
    header = ("#", "op", "layer", "output", "SQNR dB", "lost dB", "weights dB", "clipped")
    rows = [
        (
            str(entry["index"]),
            entry["op"],
            short_name(entry["name"]),
            "x".join(map(str, entry["shape"])),
            f"{entry['sqnr_db']:.1f}",
            f"{entry['lost_db']:.1f}",
            "-" if entry["weights_db"] is None else f"{entry['weights_db']:.1f}",
            f"{entry['clipped']:.2%}",
        )
        for entry in entries[:count]
    ]
    return format_table(header, rows, right=(0, 4, 5, 6, 7))


def short_name(name: str) -> str:
    """The Keras layer: `model_1/base_1/block_1_expand_BN_1/batchnorm/add_1;...` -> `block_1_expand_BN`."""
    parts = name.split(";")[0].split("/")
    layer = parts[parts.index("batchnorm") - 1] if "batchnorm" in parts else parts[max(len(parts) - 2, 0)]
    return layer.removesuffix("_1")


def _pairs(reference: Graph, quantised: Graph, path: Path) -> list[tuple[Op, Op]]:
    """Each float operation with its int8 twin. Twins have outputs of one name; their order can differ."""
    known = {(op.name, op.outputs[0].name, op.outputs[0].shape): op for op in reference.ops}
    pairs = []
    for op in quantised.ops:
        twin = known.get((op.name, op.outputs[0].name, op.outputs[0].shape))
        if twin is not None:
            pairs.append((twin, op))
        elif op.name not in ("QUANTIZE", "DEQUANTIZE"):
            raise ModelError(
                f"{path}: its {op.name} (op {op.index}) is not in the float model",
                "give the run that it was made of",
            )
    return pairs


def _runner(path: Path) -> Callable[[Pixels], Callable[[int], npt.NDArray[Any]]]:
    """A function that runs a picture and gives access to every tensor.

    It uses plain kernels, because fused ones leave no tensors between operations.
    """
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
    """Signal to quantisation noise of an operation's weights, dB; None without weights."""
    if len(op.inputs) < 2 or op.name not in WEIGHTED:
        return None
    weights, exact = op.inputs[1], reference.inputs[1]
    values = None if weights is None else weights.real_values()
    expected = None if exact is None else exact.values()
    if values is None or expected is None or values.size != expected.size:
        return None
    difference = expected.reshape(values.shape) - values
    return _decibels(float(np.sum(expected.astype(np.float64) ** 2)), float(np.sum(difference**2)))


def _decibels(signal: float, noise: float) -> float:
    """Ten times the logarithm of signal by noise; 99 without noise, so that tables and JSON hold numbers."""
    if noise <= 0:
        return 99.0
    return 10 * math.log10(max(signal, 1e-30) / noise)
