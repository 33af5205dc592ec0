"""Reading the graph of a TFLite file, and counting what is in it."""

import sys

import pytest

from edge.errors import MissingLibraryError, ModelError
from tests.builders import DATA, ROOT
from training.tflite_graph import macs, parameter_bytes, read_graph, total_parameter_bytes

pytest.importorskip("ai_edge_litert.schema_py_generated")


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
