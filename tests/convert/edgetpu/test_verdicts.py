"""The verdicts of single operations and of graphs, on small files with one thing changed."""

import numpy as np
import pytest

from convert.edgetpu.operations import RULES
from convert.edgetpu.verdicts import Where, refusals, verdict_of, verdicts_of
from convert.inspect import build_parser, main
from tests.builders import DATA, ROOT
from tests.changed_models import CODES, constant, kind, option, per_channel, schema, tensor, version
from training.tflite_graph import GraphTensor, Op, macs, read_graph


def verdicts(path):
    return {verdict.op.name: verdict for verdict in verdicts_of(read_graph(path))}


@pytest.mark.parametrize("name", ["blobs", "brightness"])
def test_the_tiny_int8_models_map_wholly(name):
    graph = read_graph(DATA / f"{name}.tflite")
    found = verdicts_of(graph)
    assert [(v.where, v.code, v.why) for v in found] == [(Where.EDGETPU, "ok", "")] * len(graph.ops)
    assert refusals(graph, found) == []


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*.tflite")), ids=lambda path: path.stem)
def test_the_shipped_models_map_wholly(path):
    assert main(build_parser().parse_args([str(path), "--require-mapped"])) == 0


DENSE = ("FULLY_CONNECTED", "inputs", 1)
CASES = {
    "custom": ([kind("SOFTMAX", "CUSTOM", "TFLite_Detection_PostProcess")], "CUSTOM", "custom"),
    "unsupported": ([kind("SOFTMAX", "LOG_SOFTMAX")], "LOG_SOFTMAX", "unsupported"),
    "a late builtin": ([kind("SOFTMAX", "GELU")], "GELU", "unsupported"),
    "version": ([version("FULLY_CONNECTED", 12)], "FULLY_CONNECTED", "version"),
    "float": ([tensor(("SOFTMAX", "outputs", 0), type=schema.TensorType.FLOAT32)], "SOFTMAX", "float"),
    "no scale": ([tensor(("SOFTMAX", "outputs", 0), quantization=None)], "SOFTMAX", "float"),
    "int16": ([tensor(("SOFTMAX", "outputs", 0), type=schema.TensorType.INT16)], "SOFTMAX", "type"),
    "int4 weights": ([tensor(DENSE, type=schema.TensorType.INT4)], "FULLY_CONNECTED", "type"),
    "per-channel dense": ([per_channel(DENSE, 3)], "FULLY_CONNECTED", "per_channel_dense"),
    "dynamic": ([tensor(("SOFTMAX", "outputs", 0), shape=np.array([0, 3], np.int32))], "SOFTMAX", "dynamic"),
    "batch": ([tensor(("MEAN", "inputs", 0), shape=np.array([2, 16, 16, 3], np.int32))], "MEAN", "batch"),
    "rank": ([tensor(("MEAN", "inputs", 0), shape=np.array([1, 2, 16, 16, 3], np.int32))], "MEAN", "rank"),
    "dense batch": (
        [tensor(("FULLY_CONNECTED", "outputs", 0), shape=np.array([2, 3], np.int32))],
        "FULLY_CONNECTED",
        "limit",
    ),
    "weights format": ([option("FULLY_CONNECTED", weightsFormat=1)], "FULLY_CONNECTED", "limit"),
    "weights computed": ([tensor(DENSE, isVariable=True)], "FULLY_CONNECTED", "not_constant"),
    "batch mean": ([constant(("MEAN", "inputs", 1), [0, 1])], "MEAN", "limit"),
    "channel mean": ([constant(("MEAN", "inputs", 1), [1, -1])], "MEAN", "limit"),
    "long softmax": (
        [tensor(("SOFTMAX", "inputs", 0), shape=np.array([1, 16001], np.int32))],
        "SOFTMAX",
        "limit",
    ),
    "softmax of a map": (
        [tensor(("SOFTMAX", "inputs", 0), shape=np.array([5, 3], np.int32))],
        "SOFTMAX",
        "limit",
    ),
}


@pytest.mark.parametrize(("changes", "op", "code"), CASES.values(), ids=CASES)
def test_each_reason_is_found(changed, changes, op, code):
    found = verdicts(changed("brightness", *changes))
    assert (found[op].where, found[op].code) == (Where.CPU, code)
    assert found[op].why


POOL_CASES = {
    "fused pool": ([option("AVERAGE_POOL_2D", fusedActivationFunction=1)], "AVERAGE_POOL_2D"),
    "dilation": ([option("CONV_2D", dilationWFactor=2)], "CONV_2D"),
}


@pytest.mark.parametrize(("changes", "op"), POOL_CASES.values(), ids=POOL_CASES)
def test_limits_of_convolutions_and_pools(changed, changes, op):
    found = verdicts(changed("blobs", *changes))
    assert (found[op].where, found[op].code) == (Where.CPU, "limit")


def test_the_same_dilation_in_both_directions_maps(changed):
    found = verdicts(changed("blobs", option("CONV_2D", dilationWFactor=2, dilationHFactor=2)))
    assert found["CONV_2D"].where is Where.EDGETPU


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (version("FULLY_CONNECTED", 9), "version"),
        (tensor(("MEAN", "inputs", 0), shapeSignature=np.array([-1, 16, 16, 3], np.int32)), "dynamic"),
    ],
)
def test_what_nothing_documents_is_not_known(changed, change, code):
    path = changed("brightness", change)
    found = [verdict for verdict in verdicts_of(read_graph(path)) if verdict.where is Where.UNKNOWN]
    assert [verdict.code for verdict in found] == [code]
    assert main(build_parser().parse_args([str(path), "--require-mapped"])) == 1


def a_tensor(index, shape, values=None, zero_point=0):
    """int8 with one scale; int32 for a constant without a zero point, such as a list of axes."""
    dtype = "int8" if values is None or zero_point else "int32"
    data = None if values is None else np.array(values, dtype).tobytes()
    return GraphTensor(
        index, f"t{index}", dtype, tuple(shape), tuple(shape), (0.1,), (zero_point,), 0, data, index
    )


def an_op(name, *inputs, out=(1, 4, 4, 8), number=1, **options):
    """inputs: a shape, or a shape with the values of a constant (and its zero point)."""
    tensors = [
        a_tensor(i, *given) if isinstance(given[0], tuple) else a_tensor(i, given)
        for i, given in enumerate(inputs)
    ]
    return Op(0, name, number, "", tuple(tensors), (a_tensor(99, out),), options)


MAP = (1, 4, 4, 8)
LIMITS = {
    "a constant of zeros": (an_op("CONCATENATION", MAP, (MAP, [-3] * 128, -3)), "ok"),
    "another constant": (an_op("CONCATENATION", MAP, (MAP, [-3] * 127 + [0], -3)), "limit"),
    "zeros among three": (an_op("CONCATENATION", MAP, MAP, (MAP, [-3] * 128, -3)), "limit"),
    "fused concatenation": (an_op("CONCATENATION", MAP, MAP, fusedActivationFunction=1), "limit"),
    "leading ones": (an_op("SQUEEZE", (1, 1, 5, 10), out=(5, 10), squeezeDims=np.array([0, 1])), "ok"),
    "a one in the middle": (
        an_op("SQUEEZE", (1, 5, 1, 10), out=(5, 10), squeezeDims=np.array([0, -2])),
        "limit",
    ),
    "all ones": (an_op("SQUEEZE", (1, 5, 1, 10), out=(5, 10), squeezeDims=None), "limit"),
    "strides of 1": (
        an_op(
            "STRIDED_SLICE", MAP, ((4,), [0] * 4), ((4,), MAP), ((4,), [1] * 4), ellipsisMask=0, newAxisMask=0
        ),
        "ok",
    ),
    "a stride of 2": (
        an_op("STRIDED_SLICE", MAP, ((4,), [0] * 4), ((4,), MAP), ((4,), [1, 2, 1, 1])),
        "limit",
    ),
    "a new axis": (
        an_op("STRIDED_SLICE", MAP, ((4,), [0] * 4), ((4,), MAP), ((4,), [1] * 4), newAxisMask=1),
        "limit",
    ),
    "alpha per channel": (an_op("PRELU", MAP, ((1, 1, 8), [-1] * 8, 5)), "ok"),
    "alpha per pixel": (an_op("PRELU", MAP, ((4, 4, 8), [-1] * 128, 5)), "limit"),
    "a border": (an_op("PAD", MAP, ((4, 2), [0, 0, 1, 1, 1, 1, 0, 0])), "ok"),
    "a padded batch": (an_op("PAD", MAP, ((4, 2), [0, 1, 1, 1, 1, 1, 0, 0])), "limit"),
    "mean of 8 channels": (an_op("MEAN", MAP, ((1,), [3]), out=(1, 4, 4)), "ok"),
    "mean of 6 channels": (an_op("MEAN", (1, 4, 4, 6), ((1,), [3]), out=(1, 4, 4)), "limit"),
    "a computed shape": (an_op("RESHAPE", MAP, (2,), out=(16, 8)), "not_constant"),
    "upsampling": (an_op("RESIZE_NEAREST_NEIGHBOR", MAP, ((2,), [8, 8]), number=3), "ok"),
    "an LSTM": (an_op("UNIDIRECTIONAL_SEQUENCE_LSTM", MAP), "version"),
}


@pytest.mark.parametrize(("op", "code"), LIMITS.values(), ids=LIMITS)
def test_documented_limits(op, code):
    assert verdict_of(op).code == code


def test_a_size_dependent_operation_has_a_note():
    assert "left to the CPU" in verdict_of(LIMITS["upsampling"][0]).note


def test_macs_of_a_transposed_convolution():
    op = an_op("TRANSPOSE_CONV", ((4,), [1, 8, 8, 5]), ((5, 2, 2, 8), [0] * 160, 5), MAP, out=(1, 8, 8, 5))
    assert macs(op) == 4 * 4 * (5 * 2 * 2 * 8)


# --- the cut


def test_what_comes_after_the_first_unmapped_operation_falls_to_the_cpu(changed):
    found = verdicts_of(read_graph(changed("brightness", kind("FULLY_CONNECTED", "LOG_SOFTMAX"))))
    assert [(v.where, v.code) for v in found] == [
        (Where.EDGETPU, "ok"),
        (Where.CPU, "unsupported"),
        (Where.CPU, "stranded"),
    ]
    assert "after the cut at LOG_SOFTMAX (op 1)" in found[2].why


def test_a_branch_that_does_not_need_it_still_maps(changed):
    """blobs: a pool, then one convolution for boxes and one for scores.

    If the first convolution is wrong, the second still reads the pool.
    """

    def second_kind(model):
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = (
            CODES["LOG_SOFTMAX"],
            CODES["LOG_SOFTMAX"],
            1,
        )
        model.operatorCodes.append(code)
        operators = model.subgraphs[0].operators
        first = next(
            op for op in operators if model.operatorCodes[op.opcodeIndex].builtinCode == CODES["CONV_2D"]
        )
        first.opcodeIndex = len(model.operatorCodes) - 1

    found = verdicts_of(read_graph(changed("blobs", second_kind)))
    assert [v.where for v in found] == [Where.EDGETPU, Where.CPU, Where.EDGETPU]


def test_an_unmapped_operation_at_the_start_cuts_nothing_off(changed):
    """As google-coral/edgetpu#13 shows for the QUANTIZE of a float input."""
    found = verdicts_of(read_graph(changed("brightness", kind("MEAN", "LOG_SOFTMAX"))))
    assert [v.where for v in found] == [Where.CPU, Where.EDGETPU, Where.EDGETPU]


# --- against the compiler's own logs, as far as they are public

PUBLIC = {
    "WongKinYiu/yolov7#1672": (
        "ADD RESHAPE MAX_POOL_2D CONCATENATION PAD LOGISTIC RESIZE_NEAREST_NEIGHBOR QUANTIZE",
        "",
    ),
    "eehoeskrap/PaperReview#15": ("CONV_2D QUANTIZE ADD PRELU CONCATENATION PAD DEPTHWISE_CONV_2D", ""),
    "maxbbraun/thermal-face#2": (
        "ADD MAX_POOL_2D MEAN DEPTHWISE_CONV_2D CONV_2D LOGISTIC REDUCE_MAX MUL",
        "",
    ),
    "tensorflow/models#10695": (
        "STRIDED_SLICE CONCATENATION MAX_POOL_2D RESHAPE ADD LOGISTIC CONV_2D SLICE RESIZE_NEAREST_NEIGHBOR",
        "CUSTOM",
    ),
    "google-coral/edgetpu#342": ("PAD QUANTIZE", ""),
    "google-coral/edgetpu#490": ("DEPTHWISE_CONV_2D CONCATENATION", "DEQUANTIZE"),
    "google-coral/edgetpu#13": ("SOFTMAX FULLY_CONNECTED", ""),
    "google-coral/edgetpu#659": ("", "FLOOR_MOD DEQUANTIZE"),
}
"""Where a log was posted -> what the compiler mapped in at least one form there, and what it never does."""


@pytest.mark.parametrize(("mapped", "never"), PUBLIC.values(), ids=PUBLIC)
def test_the_operations_agree_with_public_logs(mapped, never):
    assert set(mapped.split()) <= set(RULES)
    assert not set(never.split()) & set(RULES)


REFUSED = [("CONV_2D", 6), ("QUANTIZE", 3), ("TRANSPOSE_CONV", 4)]
"""From issues 631, 879 and 845, all of version 16.0."""


@pytest.mark.parametrize(("op", "number"), REFUSED)
def test_the_versions_that_the_compiler_is_known_to_refuse(op, number):
    assert RULES[op].read == number - 1


# --- files that are refused whole


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("float", [], "Model not quantized"),
        ("brightness", [version("SOFTMAX", 4)], "SOFTMAX version 4 is newer"),
        ("brightness", [tensor(("SOFTMAX", "outputs", 0), shape=np.array([0, 3], np.int32))], "static-sized"),
        ("brightness", [kind("SOFTMAX", "CUSTOM", "edgetpu-custom-op")], "compiled for the Edge TPU already"),
    ],
)
def test_whole_files_that_the_compiler_refuses(changed, name, changes, message):
    graph = read_graph(changed(name, *changes))
    (reason,) = refusals(graph, verdicts_of(graph))
    assert message in reason
