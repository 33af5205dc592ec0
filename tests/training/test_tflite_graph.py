"""Reading the graph of a TFLite file, and counting what is in it."""

import copy
import sys
import tracemalloc

import numpy as np
import pytest

from edge.errors import MissingLibraryError, ModelError
from tests.builders import DATA, ROOT
from training.tflite_graph import (
    MOST_OPS,
    macs,
    parameter_bytes,
    read_graph,
    total_parameter_bytes,
)

pytest.importorskip("ai_edge_litert.schema_py_generated")

from convert.inspect import inspect_model, report_text


def test_a_graph_is_read_with_its_numbers():
    graph = read_graph(DATA / "brightness.tflite")
    assert [(op.name, op.version) for op in graph.ops] == [
        ("MEAN", 2),
        ("FULLY_CONNECTED", 4),
        ("SOFTMAX", 2),
    ]
    (source,) = graph.inputs
    assert (source.dtype, source.shape, source.constant) == ("int8", (1, 16, 16, 3), None)
    assert source.scales == (pytest.approx(0.00784314),)
    assert source.zero_points == (-1,)
    mean, dense, _ = graph.ops
    assert list(mean.inputs[1].values()) == [1, 2]
    assert dense.inputs[1].shape == (3, 3)
    assert not dense.inputs[1].per_channel
    assert (macs(dense), parameter_bytes(dense)) == (9, 9 + 12)
    assert (macs(mean), total_parameter_bytes(graph)) == (0, 29)


def test_per_channel_scales_and_convolutions():
    graph = read_graph(DATA / "blobs.tflite")
    convolution = next(op for op in graph.ops if op.name == "CONV_2D" and op.inputs[1].per_channel)
    assert len(convolution.inputs[1].scales) == 4
    assert convolution.inputs[1].axis == 0
    assert macs(convolution) == 3 * 4 * 4 * 3  # height, width, channels out, channels in; 1x1


def test_a_buffer_that_two_operations_share_is_counted_once(changed):
    def share(model):
        graph = model.subgraphs[0]
        weights = [graph.tensors[op.inputs[1]] for op in graph.operators if len(op.inputs) == 3]
        weights[1].buffer = weights[0].buffer

    graph = read_graph(changed("blobs", share))
    sizes = [parameter_bytes(op) for op in graph.ops]
    assert sum(sizes) - total_parameter_bytes(graph) == 12 == 4 * 3


def test_macs_of_a_known_network():
    """MobileNetV2 of width 1.0 has 300 million at 224 px (Sandler et al. 2018)."""
    model = ROOT / "models" / "mask_classifier.tflite"
    if "MobileNetV2, alpha 1.0" not in model.with_suffix(".json").read_text():
        pytest.skip("the shipped classifier is no MobileNetV2 of width 1.0 any more: this test was NOT run")
    graph = read_graph(model)
    size = graph.inputs[0].shape[1]
    assert sum(macs(op) for op in graph.ops) == pytest.approx(300e6 * (size / 224) ** 2, rel=0.02)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a TFLite file"),
        (b"\x1c\0\0\0TFL3", "damaged"),
        (b"JUNKJUNKJUNK", "not a TFLite file"),
        (None, "no such model"),
    ],
)
def test_bad_files_are_one_line(tmp_path, content, message):
    path = tmp_path / "bad.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_graph(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_file_that_breaks_off(tmp_path, part):
    path = tmp_path / "cut.tflite"
    content = (DATA / "blobs.tflite").read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ModelError, match=r"cut\.tflite: damaged"):
        read_graph(path)


def test_without_the_reader_one_line_names_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(MissingLibraryError, match="pip install ai-edge-litert"):
        read_graph(DATA / "blobs.tflite")


# --- damaged files


def big(count):
    """Tensors that share one buffer of 4 MB."""

    def apply(model):
        graph = model.subgraphs[0]
        model.buffers[graph.tensors[0].buffer].data = np.zeros(4_000_000, np.uint8)
        graph.tensors = [*graph.tensors, *[copy.copy(graph.tensors[0]) for _ in range(count)]]

    return apply


def test_tensors_that_share_a_buffer_do_not_copy_it(changed):
    path = changed("blobs", big(1500))
    tracemalloc.start()
    graph = read_graph(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(graph.ops) == 3
    assert peak < 3 * path.stat().st_size


def change(**values):
    """Other entries of the first operation."""

    def apply(model):
        for name, value in values.items():
            setattr(model.subgraphs[0].operators[0], name, value)

    return apply


def change_tensor(**values):
    def apply(model):
        tensor = model.subgraphs[0].tensors[0]
        for name, value in values.items():
            setattr(tensor.quantization if hasattr(tensor.quantization, name) else tensor, name, value)

    return apply


def ends(**values):
    def apply(model):
        for name, value in values.items():
            setattr(model.subgraphs[0], name, value)

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        change(opcodeIndex=99),
        change(inputs=[99]),
        change(inputs=[-2]),
        change(outputs=[-1]),
        change(outputs=[2**31 - 1]),
        change_tensor(buffer=4_000_000_000),
        change_tensor(shape=[1] * 17),
        change_tensor(scale=[float("nan")]),
        change_tensor(scale=[0.1, 0.2, 0.3], zeroPoint=[0, 0, 0], quantizedDimension=9),
        change_tensor(scale=[0.1, 0.2, 0.3], zeroPoint=[0, 0]),
        ends(inputs=[-1]),
        ends(outputs=[77]),
        lambda model: setattr(
            model.subgraphs[0], "operators", model.subgraphs[0].operators[:1] * (MOST_OPS + 1)
        ),
    ],
)
def test_entries_out_of_range_are_damage(changed, damage):
    with pytest.raises(ModelError, match=r"blobs_changed\.tflite: damaged"):
        read_graph(changed("blobs", damage))


@pytest.mark.parametrize(
    "more",
    [
        ends(outputs=[0] * 1001),
        change(inputs=[0] * 1001),
        change_tensor(scale=[0.1] * 1001, zeroPoint=[0] * 1001),
        change_tensor(name="x" * 9000),
        lambda model: model.subgraphs[0].tensors.extend(model.subgraphs[0].tensors[:1] * 1001),
    ],
)
def test_more_entries_than_a_graph_may_have_are_refused_before_they_are_read(changed, monkeypatch, more):
    """In a damaged file thousands of tables can share one list: the sum of all lists is limited."""
    path = changed("blobs", more)
    assert read_graph(path).ops
    monkeypatch.setattr("training.tflite_graph.MOST_ENTRIES", 1000)
    with pytest.raises(ModelError, match="damaged"):
        read_graph(path)


def test_a_file_of_a_gigabyte_is_refused_unread(tmp_path):
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.write(b"\0\0\0\0TFL3")
        file.truncate(2**30)
    with pytest.raises(ModelError, match="1024 MB, more than 512 MB"):
        read_graph(path)


@pytest.mark.parametrize("name", ["blobs", "brightness", "postprocessed"])
def test_changed_bytes_raise_nothing_but_model_errors(tmp_path, name):
    whole = (DATA / f"{name}.tflite").read_bytes()
    rng, path = np.random.default_rng(18), tmp_path / "m.tflite"
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), rng.integers(1, 8)):
            data[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        path.write_bytes(data)
        try:
            report_text(inspect_model(path))
        except ModelError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 5
