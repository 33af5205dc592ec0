"""The operations that the Edge TPU has, and their documented limitations, each as a check of its own.

Sources, by the marks in the table and the checks:
[ops]      https://coral.ai/docs/edgetpu/models-intro/#supported-operations, the table with its limitations
[reqs]     https://coral.ai/docs/edgetpu/models-intro/#model-requirements
[#N]       https://github.com/google-coral/edgetpu/issues/N, logs of the compiler and its maintainers' words
[versions] tensorflow/lite/tools/versioning/{op_version,runtime_version}.cc: the version that an operation
           is given, and the first TensorFlow that reads it
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.tflite_graph import Op

BYTE_TYPES = ("int8", "uint8")
MAX_SOFTMAX = 16_000
"""The largest number of elements of a softmax [ops]."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Versions of an operation, and what must be constant.

    The compiler contains a TensorFlow Lite of its time. It refuses a whole file for one operation of a newer
    version ("Didn't find op for builtin opcode"). We conclude that it is 2.5, because the compiler's sister
    libraries moved to 2.5 with version 16.0, and what it is known to refuse came later: CONV_2D 6 with 2.9
    [#631], QUANTIZE 3 with 2.7 [#879], TRANSPOSE_CONV 4 [#845].
    """

    int8: int
    """The newest version that a plain int8 or uint8 operation is given [versions]."""
    read: int
    """The newest version that TensorFlow 2.5 reads [versions]."""
    constant: tuple[int, ...] = ()
    """Numbers of the inputs that must be known when compiling.

    ("Filter, bias, or other param is not constant at compile-time" [#25])
    """
    note: str = ""
    """A doubt about operations that pass all checks."""


SIZE_NOTE = "depending on its size it may be left to the CPU"

RULES = {
    "ADD": Rule(2, 3),
    "AVERAGE_POOL_2D": Rule(2, 3),
    "CONCATENATION": Rule(2, 3),
    "CONV_2D": Rule(3, 5, (1, 2)),
    "DEPTHWISE_CONV_2D": Rule(3, 6, (1, 2)),
    "EXPAND_DIMS": Rule(1, 1, (1,)),
    "FULLY_CONNECTED": Rule(4, 9, (1, 2)),
    "L2_NORMALIZATION": Rule(2, 2),
    "LOGISTIC": Rule(2, 3),
    "LSTM": Rule(0, 4),  # "unidirectional LSTM only" [ops]; it does not say which versions
    "MAXIMUM": Rule(2, 4),
    "MAX_POOL_2D": Rule(2, 3),
    "MEAN": Rule(2, 3, (1,)),
    "MINIMUM": Rule(2, 4),
    "MUL": Rule(3, 4),
    "PACK": Rule(2, 3),
    "PAD": Rule(2, 3, (1,)),
    "PRELU": Rule(1, 1, (1,)),
    "QUANTIZE": Rule(1, 2),
    "REDUCE_MAX": Rule(2, 3, (1,)),
    "REDUCE_MIN": Rule(2, 3, (1,)),
    "RELU": Rule(2, 3),
    "RELU6": Rule(2, 3),
    "RELU_N1_TO_1": Rule(1, 1),
    "RESHAPE": Rule(1, 1, (1,), SIZE_NOTE),
    "RESIZE_BILINEAR": Rule(3, 4, (1,), SIZE_NOTE),
    "RESIZE_NEAREST_NEIGHBOR": Rule(3, 4, (1,), SIZE_NOTE),
    "RSQRT": Rule(2, 2),
    "SLICE": Rule(2, 5, (1, 2)),
    "SOFTMAX": Rule(2, 3),
    "SPACE_TO_DEPTH": Rule(2, 2),
    "SPLIT": Rule(2, 4, (0,)),
    "SQUARED_DIFFERENCE": Rule(2, 2),
    "SQUEEZE": Rule(1, 2),
    "STRIDED_SLICE": Rule(2, 5, (1, 2, 3)),
    "SUB": Rule(2, 5),
    "SUM": Rule(2, 2, (1,)),
    "TANH": Rule(2, 3),
    "TRANSPOSE": Rule(2, 5, (1,), SIZE_NOTE),
    "TRANSPOSE_CONV": Rule(3, 3, (0, 1, 3)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Rule(0, 3),
}
"""By TFLite's names [ops]."""

Found = tuple[str, str] | None
"""A code and a sentence if a check finds something against the operation."""


def _types(op: Op, rule: Rule) -> Found:
    """[reqs]: tensors are quantised to int8 or uint8. Biases and sizes may be int32."""
    for tensor in (*op.given, *op.outputs):
        if tensor.dtype.startswith(("float", "bfloat")):
            return "float", f"{tensor.name} is {tensor.dtype}; only int8 and uint8 map: quantise the model"
        if tensor.constant is None and tensor.dtype not in BYTE_TYPES:
            if tensor in op.inputs and op.inputs.index(tensor) in rule.constant:
                continue  # the next check says it better
            return "type", f"{tensor.name} is {tensor.dtype}; only int8 and uint8 map"
        if tensor.constant is not None and tensor.dtype not in (*BYTE_TYPES, "int32"):
            return "type", f"{tensor.name} is {tensor.dtype}; weights must be int8 or uint8"
        if tensor.constant is None and tensor.dtype in BYTE_TYPES and not tensor.scales:
            return "float", f"{tensor.name} has no scale: not quantised"
    return None


def _constants(op: Op, rule: Rule) -> Found:
    """[reqs]: parameters, such as biases, are constant when compiling."""
    for i in rule.constant:
        tensor = op.inputs[i] if i < len(op.inputs) else None
        if tensor is not None and tensor.constant is None:
            return "not_constant", f"{tensor.name} is computed at run time, and must be constant"
    return None


def _sizes(op: Op, rule: Rule) -> Found:
    """[reqs]: sizes are constant when compiling; only the three innermost dimensions exceed 1."""
    for tensor in op.activations:
        if any(size <= 0 for size in tensor.shape):
            return "dynamic", f"{tensor.name} has no fixed size ({list(tensor.shape)})"
        if len(tensor.shape) == 4 and tensor.shape[0] > 1:
            return (
                "batch",
                f"{tensor.name} has batch {tensor.shape[0]}; the Edge TPU takes one picture at a time",
            )
        if any(size > 1 for size in tensor.shape[:-3]):
            return (
                "rank",
                f"{tensor.name} is {list(tensor.shape)}: "
                "more than the three innermost dimensions are greater than 1",
            )
    return None


def _dense(op: Op, rule: Rule) -> Found:
    """Weights with one scale, and a one-dimensional output [ops].

    Converters write one scale per channel since 2024 (tflite-micro#2602). Older kernels read one.
    """
    if op.name != "FULLY_CONNECTED":
        return None
    weights, out = op.inputs[1], op.outputs[0]
    if weights is not None and weights.per_channel:
        return (
            "per_channel_dense",
            f"the dense weights {weights.name} have {len(weights.scales)} scales, one per channel; "
            "`python -m convert.quantize` makes one",
        )
    if any(n > 1 for n in out.shape[:-1]):
        return "limit", f"a dense layer's output must be one-dimensional, {out.name} is {list(out.shape)}"
    return (
        ("limit", "only the default format of dense weights maps")
        if op.options.get("weightsFormat")
        else None
    )


def _fused(op: Op, rule: Rule) -> Found:
    """[ops]: no fused activation function."""
    if op.name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION") and op.options.get(
        "fusedActivationFunction"
    ):
        return "limit", "with a fused activation function it does not map"
    return None


def _dilation(op: Op, rule: Rule) -> Found:
    """[ops]: the same dilation in x and y."""
    if op.options.get("dilationWFactor", 1) != op.options.get("dilationHFactor", 1):
        return "limit", "its dilation must be the same in x and y"
    return None


def _concatenation(op: Op, rule: Rule) -> Found:
    """[ops]: with a constant input there are only two, and the constant is all zeros."""
    if op.name != "CONCATENATION":
        return None
    for tensor in op.given:
        values = tensor.values()
        if values is not None and (
            len(op.given) != 2 or bool((values != (tensor.zero_points or (0,))[0]).any())
        ):
            return (
                "limit",
                f"{tensor.name} is constant; a constant input maps only if it is all zeros and one of two",
            )
    return None


def _axes(op: Op, rule: Rule) -> Found:
    """[ops]: nothing is reduced or padded over the batch; a mean over channels takes multiples of 4."""
    if (
        op.name not in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "PAD")
        or op.inputs[0] is None
        or len(op.inputs) < 2
        or op.inputs[1] is None
    ):
        return None
    shape, values = op.inputs[0].shape, op.inputs[1].values()
    if values is None:
        return None
    if op.name == "PAD":
        return (
            ("limit", "it pads the batch dimension") if len(shape) == 4 and bool(values[:2].any()) else None
        )
    axes = {int(axis) % len(shape) for axis in values[: len(shape)]}  # more are damage, and take time
    if len(shape) == 4 and 0 in axes:
        return "limit", "it reduces the batch dimension"
    if op.name == "MEAN" and len(shape) - 1 in axes and shape[-1] % 4:
        return "limit", f"its mean over {shape[-1]} channels: only multiples of 4 map"
    return None


def _softmax(op: Op, rule: Rule) -> Found:
    """[ops]: one-dimensional, at most 16,000 elements."""
    if op.name != "SOFTMAX":
        return None
    shape = op.given[0].shape
    if any(n > 1 for n in shape[:-1]):
        return "limit", f"only a one-dimensional softmax maps, this is {list(shape)}"
    return (
        ("limit", f"a softmax of {shape[-1]} elements, at most {MAX_SOFTMAX} map")
        if shape and shape[-1] > MAX_SOFTMAX
        else None
    )


def _slices(op: Op, rule: Rule) -> Found:
    """[ops]: all strides 1, no ellipsis, no new axis."""
    if op.name != "STRIDED_SLICE":
        return None
    strides = None if len(op.inputs) < 4 or op.inputs[3] is None else op.inputs[3].values()
    masks = op.options.get("ellipsisMask") or op.options.get("newAxisMask")
    return (
        ("limit", "only strides of 1 without ellipsis or new axis map")
        if masks or (strides is not None and bool((strides != 1).any()))
        else None
    )


def _squeeze(op: Op, rule: Rule) -> Found:
    """[ops]: only leading dimensions of 1 may go: [1, 5, 10] maps, [5, 1, 10] does not."""
    if op.name != "SQUEEZE":
        return None
    shape = op.given[0].shape
    named = op.options.get("squeezeDims")
    gone = (
        [i for i, n in enumerate(shape) if n == 1]
        if named is None or not len(named)
        else [int(i) % len(shape) for i in named]
    )
    leading = next((i for i, n in enumerate(shape) if n > 1), len(shape))
    return (
        ("limit", f"it drops a dimension of 1 from the middle of {list(shape)}")
        if any(i > leading for i in gone)
        else None
    )


def _prelu(op: Op, rule: Rule) -> Found:
    """[ops]: alpha has one dimension; `shared_axes=[1, 2]` in Keras."""
    if op.name != "PRELU" or op.inputs[1] is None or not any(n > 1 for n in op.inputs[1].shape[:-1]):
        return None
    return "limit", "its alpha must be one per channel (Keras: shared_axes=[1, 2])"


CHECKS: tuple[Callable[[Op, Rule], Found], ...] = (
    _types,
    _constants,
    _sizes,
    _dense,
    _fused,
    _dilation,
    _concatenation,
    _axes,
    _softmax,
    _slices,
    _squeeze,
    _prelu,
)
"""The first check that finds something decides."""
