"""Reads a TFLite file into plain dataclasses: operations in the order in which they run, tensors, quantisation, constants.

The reading itself is done by the classes that flatc generates from TFLite's schema and ai-edge-litert ships; nothing runs the model.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingLibraryError, ModelError

IDENTIFIER = b"TFL3"
DAMAGE = (
    struct.error,
    IndexError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    AssertionError,
)
"""What the generated classes raise at offsets that point nowhere: they do not verify a file before they read it."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of the graph.

    shape: as allocated. signature: the same with -1 where the size may change; equal to `shape` where the file has none.
    dtype: TFLite's name, lower case. scales, zero_points: empty for a tensor that is not quantised, one entry per tensor or one per
    channel of `axis`. constant: the bytes of a weight, bias or parameter; None for what is computed at run time.
    """

    index: int
    name: str
    dtype: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    constant: bytes | None
    buffer: int

    @property
    def per_channel(self) -> bool:
        """True with one scale per channel of `axis`."""
        return len(self.scales) > 1

    def values(self) -> npt.NDArray[Any] | None:
        """The numbers of a constant, flat, in its own dtype; None for another tensor or for a dtype that numpy does not know."""
        if self.constant is None:
            return None
        try:
            return np.frombuffer(self.constant, np.dtype(self.dtype))
        except (TypeError, ValueError):
            return None

    def real_values(self) -> npt.NDArray[np.float64] | None:
        """The real numbers of a quantised constant in its own shape: (q - zero point) x scale (Jacob et al. 2018); None for another tensor."""
        values = self.values()
        if values is None or not self.scales:
            return None
        along = [1] * len(self.shape)
        if self.per_channel:
            along[self.axis] = -1
        zero, scale = (
            np.array(numbers, np.float64).reshape(along) for numbers in (self.zero_points, self.scales)
        )
        return np.asarray((values.reshape(self.shape) - zero) * scale)


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. name: of the built-in operator, or CUSTOM. inputs: None where an optional one (a bias) is left out.

    options: the operator's own settings by the schema's names, such as `fusedActivationFunction`.
    """

    index: int
    name: str
    version: int
    custom: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, Any]

    @property
    def given(self) -> tuple[Tensor, ...]:
        """The inputs that are there."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """Inputs and outputs that are computed at run time."""
        return tuple(tensor for tensor in (*self.given, *self.outputs) if tensor.constant is None)


@dataclass(frozen=True, slots=True)
class Graph:
    """The main subgraph of a file. subgraphs: how many the file has (more than one: control flow). size: of the file, bytes."""

    path: Path
    size: int
    description: str
    subgraphs: int
    ops: tuple[Op, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def schema() -> ModuleType:
    """The generated classes. Raises MissingLibraryError."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingLibraryError(
            "reading a TFLite file needs ai-edge-litert: pip install ai-edge-litert"
        ) from error
    return schema_py_generated  # type: ignore[no-any-return]


def read_graph(path: Path) -> Graph:
    """Read a file. Raises ModelError where it is missing, no TFLite file, or damaged."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model; give the path of a .tflite file")
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise ModelError(f"{path}: not a TFLite file; make one with `python -m convert.quantize`")
    classes = schema()
    try:
        return _graph(path, len(content), classes.ModelT.InitFromPackedBuf(content, 0), classes)
    except DAMAGE as error:
        raise ModelError(f"{path}: damaged or cut short, it points outside itself; copy it again") from error


def _graph(path: Path, size: int, model: Any, classes: ModuleType) -> Graph:
    if not model.subgraphs:
        raise ValueError("no graph in it")
    dtypes, names = _names(classes.TensorType), _names(classes.BuiltinOperator)
    main = model.subgraphs[0]
    tensors = [_tensor(i, tensor, model.buffers, dtypes) for i, tensor in enumerate(_entries(main.tensors))]
    ops = tuple(
        _op(i, op, model.operatorCodes, tensors, names) for i, op in enumerate(_entries(main.operators))
    )
    inputs, outputs = (tuple(tensors[i] for i in _entries(ends)) for ends in (main.inputs, main.outputs))
    return Graph(path, size, _text(model.description), len(model.subgraphs), ops, inputs, outputs)


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _entries(vector: Any) -> list[Any]:
    return [] if vector is None else list(vector)


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _tensor(index: int, tensor: Any, buffers: list[Any], dtypes: dict[int, str]) -> Tensor:
    shape = tuple(int(n) for n in _entries(tensor.shape))
    quantisation = tensor.quantization
    data = buffers[tensor.buffer].data
    return Tensor(
        index=index,
        name=_text(tensor.name),
        dtype=dtypes.get(tensor.type, f"type {tensor.type}").lower(),
        shape=shape,
        signature=tuple(int(n) for n in _entries(tensor.shapeSignature)) or shape,
        scales=() if quantisation is None else tuple(float(n) for n in _entries(quantisation.scale)),
        zero_points=() if quantisation is None else tuple(int(n) for n in _entries(quantisation.zeroPoint)),
        axis=0 if quantisation is None else int(quantisation.quantizedDimension),
        constant=None if data is None or tensor.isVariable else bytes(bytearray(data)),
        buffer=int(tensor.buffer),
    )


def _op(index: int, op: Any, codes: list[Any], tensors: list[Tensor], names: dict[int, str]) -> Op:
    code = codes[op.opcodeIndex]
    # Operators up to 127 stand in the old field, later ones in the new: the greater is right (schema.fbs, OperatorCode)
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return Op(
        index=index,
        name=names.get(number, f"operator {number}"),
        version=int(code.version),
        custom=_text(code.customCode),
        inputs=tuple(tensors[i] if i >= 0 else None for i in _entries(op.inputs)),
        outputs=tuple(tensors[i] for i in _entries(op.outputs)),
        options={} if op.builtinOptions is None else dict(vars(op.builtinOptions)),
    )


def macs(op: Op) -> int:
    """Multiply-accumulates of one inference, counted where there are weights: convolutions and dense layers; 0 elsewhere."""
    if (
        op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
        or len(op.inputs) < 2
    ):
        return 0
    weights, out = op.inputs[1], op.outputs[0]
    if weights is None or not weights.shape:
        return 0
    if (
        op.name == "TRANSPOSE_CONV"
    ):  # weights (out, kernel h, kernel w, in); every input pixel is multiplied by the whole kernel
        source = op.inputs[2] if len(op.inputs) > 2 else None
        return 0 if source is None else _product(source.shape[:3]) * _product(weights.shape)
    if op.name == "DEPTHWISE_CONV_2D":  # weights (1, kernel h, kernel w, out)
        return _product(out.shape) * _product(weights.shape[1:3])
    return _product(out.shape) * _product(weights.shape[1:])  # (out, kernel h, kernel w, in), or (out, in)


def parameter_bytes(op: Op) -> int:
    """Bytes of the constants that an operation reads: weights, biases, shapes."""
    return sum(len(tensor.constant) for tensor in op.given if tensor.constant is not None)


def total_parameter_bytes(graph: Graph) -> int:
    """The same over the graph, a buffer that several operations share counted once."""
    buffers = {t.buffer: len(t.constant) for op in graph.ops for t in op.given if t.constant is not None}
    return sum(buffers.values())


def _product(numbers: tuple[int, ...]) -> int:
    result = 1
    for n in numbers:
        result *= n
    return result
