"""Small TFLite files with one thing changed: their flatbuffers are unpacked, changed and packed anew."""

import numpy as np
import pytest

from tests.builders import DATA

flatbuffers = pytest.importorskip("flatbuffers")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")

CODES = {name: value for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


def change_model(folder, name, *changes):
    """Write a copy of a tiny model whose unpacked form was given to each of `changes`; returns its path."""
    model = schema.ModelT.InitFromPackedBuf((DATA / f"{name}.tflite").read_bytes(), 0)
    for apply in changes:
        apply(model)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = folder / f"{name}_changed.tflite"
    path.write_bytes(bytes(builder.Output()))
    return path


def version(op, number):
    def apply(model):
        code = next(code for code in model.operatorCodes if code.builtinCode == CODES[op])
        code.version = number

    return apply


def kind(op, other, custom=None):
    """Another operator in the place of one."""

    def apply(model):
        code = next(code for code in model.operatorCodes if code.builtinCode == CODES[op])
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode, code.version = (
            CODES[other],
            min(CODES[other], 127),
            custom,
            1,
        )

    return apply


def option(op, **values):
    def apply(model):
        for entry in model.subgraphs[0].operators:
            if model.operatorCodes[entry.opcodeIndex].builtinCode == CODES[op]:
                for name, value in values.items():
                    assert hasattr(entry.builtinOptions, name)
                    setattr(entry.builtinOptions, name, value)

    return apply


def tensor(end, **values):
    """Change the first tensor that an operation reads or writes: ("FULLY_CONNECTED", "inputs", 1)."""
    op, side, place = end

    def apply(model):
        graph = model.subgraphs[0]
        entry = next(
            e for e in graph.operators if model.operatorCodes[e.opcodeIndex].builtinCode == CODES[op]
        )
        target = graph.tensors[getattr(entry, side)[place]]
        for name, value in values.items():
            assert hasattr(target, name)
            setattr(target, name, value)

    return apply


def per_channel(end, channels):
    quantisation = schema.QuantizationParametersT()
    quantisation.scale = np.full(channels, 0.1, np.float32)
    quantisation.zeroPoint = np.zeros(channels, np.int64)
    return tensor(end, quantization=quantisation)


def constant(end, values, dtype="<i4"):
    """Give an operation's constant other bytes."""

    def apply(model):
        op, side, place = end
        graph = model.subgraphs[0]
        entry = next(
            e for e in graph.operators if model.operatorCodes[e.opcodeIndex].builtinCode == CODES[op]
        )
        model.buffers[graph.tensors[getattr(entry, side)[place]].buffer].data = np.frombuffer(
            np.array(values, dtype).tobytes(), np.uint8
        )

    return apply
