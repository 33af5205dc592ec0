"""Reads the graph of a TFLite file: its operations in the order in which they run, its tensors and constants.

The reading itself is done by classes that flatc generates from TFLite's schema; ai-edge-litert ships them.
Nothing here runs the model.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    ArithmeticError,
    MemoryError,
    AssertionError,
)
"""What the generated classes raise for a damaged file: they follow its offsets without a check."""

LARGEST = 512 * 2**20
"""Bytes of a file at most."""

MOST_OPS = 5000
"""Operations of a graph at most."""

MOST_ENTRIES = 4_000_000
"""Numbers, names and tables of a graph at most, without the contents of its constants.

In a damaged file a thousand tables can share one long list, and a small file would fill the memory.
"""

MOST_DIMENSIONS = 16
"""Dimensions of a tensor at most; TFLite's kernels have 8."""


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
    constant: memoryview | None
    """The content of a weight, bias or parameter, not copied; None for what is computed at run time."""
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
        if values is None or not self.scales or values.size != math.prod(self.shape):
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
    """Read a file. Raises ModelError if it is missing, too large, not a TFLite file, or damaged."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model", "give the path of a .tflite file")
    size = path.stat().st_size
    if size > LARGEST:
        raise ModelError(
            f"{path}: {size / 2**20:.0f} MB, more than {LARGEST // 2**20} MB",
            "give a model for small devices",
        )
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise ModelError(f"{path}: not a TFLite file", "make one with `python -m convert.quantize`")
    classes = schema()
    with told_as_damage(path):
        return _Reader(classes).graph(path, content)


@contextmanager
def told_as_damage(path: Path) -> Iterator[None]:
    """What a damaged file's graph makes code raise, as ModelError. path: the file."""
    try:
        yield
    except ModelError:
        raise
    except DAMAGE as error:
        raise ModelError(f"{path}: damaged or cut short", "copy it again") from error


class _Reader:
    """Reads the main graph of one file by the lazy half of the generated classes: nothing is copied twice.

    Raises one of DAMAGE for entries that are missing, out of range, or too many.
    """

    def __init__(self, classes: ModuleType) -> None:
        self._classes = classes
        self._dtypes, self._ops = _names(classes.TensorType), _names(classes.BuiltinOperator)
        self._left = MOST_ENTRIES

    def graph(self, path: Path, content: bytes) -> Graph:
        """The main graph of a file's bytes."""
        model = self._classes.Model.GetRootAs(content, 0)
        if not self._count(model.SubgraphsLength()):
            raise ValueError("no graph in it")
        main = model.Subgraphs(0)
        count = self._count(main.OperatorsLength())
        if count > MOST_OPS:
            raise ValueError("too many operations")
        tensors = [self._tensor(i, main.Tensors(i), model) for i in range(self._count(main.TensorsLength()))]
        ops = tuple(self._op(i, main.Operators(i), model, tensors) for i in range(count))
        ends = (main.InputsLength, main.InputsAsNumpy), (main.OutputsLength, main.OutputsAsNumpy)
        inputs, outputs = (tuple(_at(tensors, i) for i in self._numbers(*end)) for end in ends)
        return Graph(
            path, len(content), self._text(model.Description()), model.SubgraphsLength(), ops, inputs, outputs
        )

    def _count(self, number: int) -> int:
        """The length of a list, which is taken from what the whole graph may have."""
        self._left -= number
        if self._left < 0:
            raise ValueError("more entries than a model has")
        return number

    def _numbers(self, length: Callable[[], int], values: Callable[[], Any]) -> list[Any]:
        """A list of numbers; empty if the file has none."""
        return values().tolist() if self._count(length()) else []

    def _text(self, value: bytes | None) -> str:
        self._count(len(value or b"") // 8)
        return (value or b"").decode("utf-8", "replace")

    def _tensor(self, index: int, tensor: Any, model: Any) -> GraphTensor:
        shape = tuple(int(n) for n in self._numbers(tensor.ShapeLength, tensor.ShapeAsNumpy))
        signature = self._numbers(tensor.ShapeSignatureLength, tensor.ShapeSignatureAsNumpy)
        if max(len(shape), len(signature)) > MOST_DIMENSIONS:
            raise ValueError("too many dimensions")
        scales, zero_points, axis = self._quantisation(tensor.Quantization(), len(shape))
        place = tensor.Buffer()
        if place >= model.BuffersLength():
            raise IndexError("no such buffer")
        buffer = model.Buffers(place)
        constant = None if buffer.DataIsNone() or tensor.IsVariable() else _bytes_of(buffer)
        return GraphTensor(
            index=index,
            name=self._text(tensor.Name()),
            dtype=self._dtypes.get(tensor.Type(), f"type {tensor.Type()}").lower(),
            shape=shape,
            signature=tuple(int(n) for n in signature) or shape,
            scales=scales,
            zero_points=zero_points,
            axis=axis,
            constant=constant,
            buffer=int(place),
        )

    def _quantisation(self, own: Any, dimensions: int) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        """Scales, as many zero points, and the axis that has a scale for each channel."""
        if own is None:
            return (), (), 0
        scales = tuple(float(n) for n in self._numbers(own.ScaleLength, own.ScaleAsNumpy))
        zeros = tuple(int(n) for n in self._numbers(own.ZeroPointLength, own.ZeroPointAsNumpy))
        axis = int(own.QuantizedDimension())
        if not all(math.isfinite(scale) for scale in scales):
            raise ValueError("a scale that is no number")
        if len(scales) > 1 and not 0 <= axis < dimensions:
            raise IndexError("no such axis")
        if len(zeros) not in (0, len(scales)):
            raise ValueError("zero points for other scales")
        return scales, zeros or (0,) * len(scales), axis

    def _op(self, index: int, op: Any, model: Any, tensors: list[GraphTensor]) -> Op:
        if op.OpcodeIndex() >= model.OperatorCodesLength():
            raise IndexError("no such operator")
        code = model.OperatorCodes(op.OpcodeIndex())
        # operators up to 127 are in the old field, later ones in the new: the greater is right (schema.fbs)
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        options = self._classes.BuiltinOptionsCreator(op.BuiltinOptionsType(), op.BuiltinOptions())
        inputs = self._numbers(op.InputsLength, op.InputsAsNumpy)
        outputs = self._numbers(op.OutputsLength, op.OutputsAsNumpy)
        return Op(
            index=index,
            name=self._ops.get(number, f"operator {number}"),
            version=int(code.Version()),
            custom=self._text(code.CustomCode()),
            inputs=tuple(None if i == -1 else _at(tensors, i) for i in inputs),
            outputs=tuple(_at(tensors, i) for i in outputs),
            options={} if options is None else dict(vars(options)),
        )


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _at(tensors: list[GraphTensor], index: int) -> GraphTensor:
    """The tensor of an index of the file. Raises IndexError also for a negative one."""
    if index < 0:
        raise IndexError("no such tensor")
    return tensors[index]


def _bytes_of(buffer: Any) -> memoryview:
    """A buffer's content within the file's bytes."""
    content: Any = buffer.DataAsNumpy() if buffer.DataLength() else b""
    return memoryview(content)


WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
"""Operations whose second input is a weight."""


def macs(op: Op) -> int:
    """Multiply-accumulates of one inference for convolutions and dense layers; 0 for other operations.

    Layouts of the weights: (1, kernel h, kernel w, out) of a depthwise convolution; (out, kernel h, kernel w,
    in) of the other convolutions; (out, in) of a dense layer.
    """
    weights = op.inputs[1] if op.name in WEIGHTED and len(op.inputs) > 1 else None
    if weights is None or not weights.shape or not op.outputs:
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
