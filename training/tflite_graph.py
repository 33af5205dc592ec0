"""Reads the graph of a TFLite file: its operations in the order in which they run, its tensors and constants.

The reading itself is done by classes that flatc generates from TFLite's schema; ai-edge-litert ships them.
Nothing here runs the model.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingLibraryError, ModelError

IDENTIFIER = b"TFL3"
"""What a TFLite file has at its bytes 4 to 7."""

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
"""What the generated classes raise for a damaged file: they follow its offsets without a check."""


@dataclass(frozen=True, slots=True)
class GraphTensor:
    """One tensor of the graph."""

    index: int
    """Its place in the file's list of tensors."""
    name: str
    dtype: str
    """TFLite's name in lower case, such as `int8`."""
    shape: tuple[int, ...]
    """As it is allocated."""
    signature: tuple[int, ...]
    """The shape with -1 where the size may change; equal to `shape` if the file has none."""
    scales: tuple[float, ...]
    """Quantisation: one scale for the tensor, or one for each channel of `axis`; empty for other tensors."""
    zero_points: tuple[int, ...]
    """Quantisation: one for each scale."""
    axis: int
    """The axis of the channels that have a scale each."""
    constant: bytes | None
    """The content of a weight, bias or parameter; None for what is computed at run time."""
    buffer: int
    """Number of the buffer that holds the content. Tensors can share one."""

    @property
    def per_channel(self) -> bool:
        """True with one scale per channel of `axis`."""
        return len(self.scales) > 1

    def values(self) -> npt.NDArray[Any] | None:
        """The numbers of a constant, flat, in its own dtype.

        None for a tensor that is computed at run time, and for a dtype that numpy does not have.
        """
        if self.constant is None:
            return None
        try:
            return np.frombuffer(self.constant, np.dtype(self.dtype))
        except (TypeError, ValueError):
            return None

    def real_values(self) -> npt.NDArray[np.float64] | None:
        """The real numbers of a quantised constant in its own shape; None for another tensor.

        (q - zero point) x scale (Jacob et al. 2018).
        """
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
    """One operation."""

    index: int
    """Its place in the order in which the operations run."""
    name: str
    """The built-in operator's name, or CUSTOM."""
    version: int
    custom: str
    """A custom operator's name; empty for the built-in ones."""
    inputs: tuple[GraphTensor | None, ...]
    """None where an optional input, such as a bias, is left out."""
    outputs: tuple[GraphTensor, ...]
    options: dict[str, Any]
    """Its own settings by the schema's names, such as `fusedActivationFunction`."""

    @property
    def given(self) -> tuple[GraphTensor, ...]:
        """The inputs that are there."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)

    @property
    def activations(self) -> tuple[GraphTensor, ...]:
        """Inputs and outputs that are computed at run time."""
        return tuple(tensor for tensor in (*self.given, *self.outputs) if tensor.constant is None)


@dataclass(frozen=True, slots=True)
class Graph:
    """The main graph of a file."""

    path: Path
    size: int
    """Bytes of the file."""
    description: str
    """The file's own text about itself; often empty."""
    subgraphs: int
    """Graphs in the file. More than one means control flow."""
    ops: tuple[Op, ...]
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]


def schema() -> ModuleType:
    """The generated classes. Raises MissingLibraryError."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingLibraryError(
            "ai-edge-litert is not installed, a TFLite file cannot be read", "pip install ai-edge-litert"
        ) from error
    return schema_py_generated  # type: ignore[no-any-return]


def read_graph(path: Path) -> Graph:
    """Read a file. Raises ModelError if it is missing, not a TFLite file, or damaged."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model", "give the path of a .tflite file")
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise ModelError(f"{path}: not a TFLite file", "make one with `python -m convert.quantize`")
    classes = schema()
    try:
        return _graph(path, len(content), classes.ModelT.InitFromPackedBuf(content, 0), classes)
    except DAMAGE as error:
        raise ModelError(f"{path}: damaged or cut short", "copy it again") from error


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


def _tensor(index: int, tensor: Any, buffers: list[Any], dtypes: dict[int, str]) -> GraphTensor:
    shape = tuple(int(n) for n in _entries(tensor.shape))
    quantisation = tensor.quantization
    data = buffers[tensor.buffer].data
    return GraphTensor(
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


def _op(index: int, op: Any, codes: list[Any], tensors: list[GraphTensor], names: dict[int, str]) -> Op:
    code = codes[op.opcodeIndex]
    # operators up to 127 are in the old field, later ones in the new: the greater is right (schema.fbs)
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


WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
"""Operations whose second input is a weight."""


def macs(op: Op) -> int:
    """Multiply-accumulates of one inference for convolutions and dense layers; 0 for other operations.

    Layouts of the weights: (1, kernel h, kernel w, out) of a depthwise convolution; (out, kernel h, kernel w,
    in) of the other convolutions; (out, in) of a dense layer.
    """
    weights = op.inputs[1] if op.name in WEIGHTED and len(op.inputs) > 1 else None
    if weights is None or not weights.shape:
        return 0
    outputs = math.prod(op.outputs[0].shape)
    if op.name == "TRANSPOSE_CONV":  # every input pixel is multiplied by the whole kernel
        source = op.inputs[2] if len(op.inputs) > 2 else None
        return 0 if source is None else math.prod(source.shape[:3]) * math.prod(weights.shape)
    if op.name == "DEPTHWISE_CONV_2D":
        return outputs * math.prod(weights.shape[1:3])
    return outputs * math.prod(weights.shape[1:])


def parameter_bytes(op: Op) -> int:
    """Bytes of the constants that an operation reads: weights, biases, shapes."""
    return sum(len(tensor.constant) for tensor in op.given if tensor.constant is not None)


def total_parameter_bytes(graph: Graph) -> int:
    """Bytes of all constants of a graph. A buffer that several operations share is counted once."""
    buffers = {t.buffer: len(t.constant) for op in graph.ops for t in op.given if t.constant is not None}
    return sum(buffers.values())
