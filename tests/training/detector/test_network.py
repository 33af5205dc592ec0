"""The detector's network: what the runtime and an Edge TPU need of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")
import keras

from convert.cards import base_card, write_card
from convert.export import quantise_model
from edge.errors import DataError, ModelError
from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import import_runtime
from edge.types import Frame
from tests.builders import ROOT
from training.backbones.mobilenet_v2 import LAYER_PREFIXES
from training.backbones.unfold import spread_batch_norms, take_folded_weights
from training.detector.fit import SlowTrunk
from training.detector.layers import Doubling, FusedBatchNormalization
from training.detector.network import build_detector
from training.detector.shape import DetectorShape, read_shape, shape_entry, shape_for
from training.detector.trunks import TRUNKS

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SMALL = replace(DetectorShape(), width=96, height=64)

EDGE_TPU_OPS = {"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_NEAREST_NEIGHBOR"}
"""Those of the network; all stand on the Edge TPU compiler's list."""


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture(scope="module", params=TRUNKS)
def converted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[keras.Model, Path]:
    model = build_detector(SMALL, 0.25, trunk=request.param)
    rng = np.random.default_rng(1)
    for layer in model.layers:  # larger outputs than fresh ones, so that there is something to find
        if layer.name.endswith(("_scores", "_boxes")):
            kernel, bias = layer.get_weights()
            layer.set_weights([rng.normal(0, 0.3, kernel.shape), np.zeros_like(bias)])
    path = tmp_path_factory.mktemp("detector") / "small.tflite"
    path.write_bytes(quantise_model(model, noise(8, 64, 96, 3)))
    detector = {"outputs": "raw", **shape_entry(SMALL), "score_threshold": 0.5, "iou_threshold": 0.4}
    write_card(path, base_card(path, "detection", {}) | {"detector": detector})
    return model, path


@pytest.mark.parametrize("trunk", TRUNKS)
def test_outputs_are_the_anchors_of_every_level(trunk: str) -> None:
    shape = DetectorShape()
    outputs = build_detector(shape, 0.25, trunk=trunk).output_shape
    assert outputs == [
        (None, 36, 48, 2),
        (None, 36, 48, 8),
        (None, 18, 24, 2),
        (None, 18, 24, 8),
        (None, 9, 12, 2),
        (None, 9, 12, 8),
    ]
    assert sum(int(np.prod(scores[1:])) for scores in outputs[::2]) == len(shape.anchors())


def test_a_taller_input_has_taller_anchors_on_its_coarsest_level() -> None:
    plain, tall = shape_for(384, 288), shape_for(640, 480)
    assert plain == DetectorShape()
    assert tall.levels[:2] == plain.levels[:2]
    (_, middle), (_, largest) = tall.levels[2].sizes
    assert largest / 480 == pytest.approx(180 / 288)  # the same part of the picture
    assert tall.levels[1].sizes[1][1] < middle < largest


def test_a_lower_input_keeps_the_anchors() -> None:
    assert shape_for(320, 256).levels == DetectorShape().levels


@pytest.mark.parametrize("trunk", TRUNKS)
def test_every_anchor_starts_as_background(trunk: str) -> None:
    for scores in build_detector(SMALL, 0.25, trunk=trunk)(noise(1, 64, 96, 3), training=False)[::2]:
        assert float(keras.ops.max(keras.ops.sigmoid(scores))) < 0.1


def test_int8_file_holds_only_what_an_edge_tpu_takes(converted: tuple[keras.Model, Path]) -> None:
    interpreter = import_runtime().module.Interpreter(model_path=str(converted[1]))
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert names == EDGE_TPU_OPS


def test_the_runtime_reads_the_float_models_boxes_from_the_int8_file(
    converted: tuple[keras.Model, Path],
) -> None:
    model, path = converted
    pixels = np.random.default_rng(2).integers(0, 256, (64, 96, 3), np.uint8)
    outputs = [
        keras.ops.convert_to_numpy(o)
        for o in model((pixels[None].astype(np.float32) - 128) / 128, training=False)
    ]
    logits = np.concatenate([scores.ravel() for scores in outputs[::2]])
    detector = SSDFaceDetector(path, threads=1)
    found = detector.detect(Frame(pixels, 0, 0.0, "test"))
    best = 1 / (1 + np.exp(-logits.max()))
    assert found and abs(found[0].score - best) < 0.05
    assert detector.card.detector is not None and detector.card.detector.levels == SMALL.levels


def trunk_of(model: keras.Model) -> str:
    return "mobilenet_v2" if "Conv1" in {layer.name for layer in model.layers} else "light"


@pytest.mark.parametrize("trunk", TRUNKS)
def test_weights_fit_other_input_sizes_and_the_fused_norm(trunk: str) -> None:
    small, fused = (
        build_detector(SMALL, 0.25, trunk=trunk),
        build_detector(replace(SMALL, width=128), 0.25, fused=True, trunk=trunk),
    )
    fused.set_weights(small.get_weights())
    wide = np.zeros((1, 64, 128, 3), np.float32)
    wide[:, :, :96] = noise(1, 64, 96, 3)
    same = build_detector(replace(SMALL, width=128), 0.25, trunk=trunk)
    same.set_weights(fused.get_weights())
    for one, other in zip(fused(wide, training=False), same(wide, training=False), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_of_imagenets_weights_the_late_convolutions_are_trained_in_smaller_steps(tmp_path: Path) -> None:
    base = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None
    )
    base.save_weights(tmp_path / "base.weights.h5")
    model = build_detector(SMALL, 0.35, trunk="mobilenet_v2", weights=str(tmp_path / "base.weights.h5"))
    shared = {layer.name for layer in base.layers} & {layer.name for layer in model.layers if layer.weights}
    for name in shared:
        for expected, got in zip(
            base.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(got, expected)
    trained = [layer.name for layer in model.layers if layer.name in shared and layer.trainable_weights]
    assert (
        trained[0] == "block_3_expand"
        and trained[-1] == "block_11_project"
        and not any(name.endswith("BN") for name in trained)
    )
    before = {variable.path: variable.numpy() for variable in model.trainable_variables}
    model.compile(SlowTrunk(1e-3, LAYER_PREFIXES, weight_decay=0.0), "mse")
    model.train_on_batch(
        noise(2, 64, 96, 3), [np.ones((2, *output[1:]), np.float32) for output in model.output_shape]
    )
    step = {
        variable.path: np.abs(variable.numpy() - before[variable.path]).max()
        for variable in model.trainable_variables
    }
    assert step["block_7_project/kernel"] == pytest.approx(2.5e-4, rel=0.01)
    assert step["head8_pw/kernel"] == pytest.approx(1e-3, rel=0.01)


def test_weights_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.h5: no such file; --weights takes"):
        build_detector(SMALL, trunk="mobilenet_v2", weights=str(tmp_path / "no.h5"))


def test_fused_norm_trains_as_the_plain_one() -> None:
    layers = [FusedBatchNormalization(momentum=0.5), keras.layers.BatchNormalization(momentum=0.5)]
    x = noise(4, 6, 6, 3) * 3 + 1
    one, other = (layer(x, training=True) for layer in layers)
    np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(layers[0].moving_mean, layers[1].moving_mean, atol=1e-4)
    np.testing.assert_allclose(
        layers[0].moving_variance, layers[1].moving_variance, rtol=0.02
    )  # fused: by n - 1


def test_doubling_is_nearest_upsampling_and_survives_saving(tmp_path: Path) -> None:
    x = noise(1, 3, 5, 2)
    np.testing.assert_array_equal(Doubling()(x), keras.layers.UpSampling2D(2)(x))
    model = build_detector(SMALL, 0.25)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(again(noise(1, 64, 96, 3))[0], model(noise(1, 64, 96, 3))[0], atol=1e-5)


def test_shape_survives_json() -> None:
    entry = shape_entry(SMALL) | {"width": SMALL.width, "height": SMALL.height}
    assert read_shape(entry) == SMALL


@pytest.mark.parametrize("name", ["face_detector", "face_detector_wide"])
def test_the_shipped_files_are_small_and_hold_only_what_an_edge_tpu_takes(name: str) -> None:
    path = ROOT / "models" / f"{name}.tflite"
    interpreter = import_runtime().module.Interpreter(model_path=str(path))
    assert path.stat().st_size <= 1_000_000
    assert {operation["op_name"] for operation in interpreter._get_ops_details()} == EDGE_TPU_OPS


def test_a_converted_file_gives_its_weights_back(converted: tuple[keras.Model, Path]) -> None:
    """Its weights, with the batch norms folded in, make a model with the float model's results.

    Only the rounding of the weights makes a difference.
    """
    model, path = converted
    pictures = noise(4, 64, 96, 3)
    again = build_detector(SMALL, 0.25, trunk=trunk_of(model))
    take_folded_weights(again, path)
    for expected, got in zip(
        model.predict(pictures, verbose=0), again.predict(pictures, verbose=0), strict=True
    ):
        assert np.abs(expected - got).max() < 0.1 * expected.std() + 1e-3


def test_spreading_batch_norms_changes_nothing_until_training_and_little_then(
    converted: tuple[keras.Model, Path],
) -> None:
    again, pictures = build_detector(SMALL, 0.25, trunk=trunk_of(converted[0])), noise(8, 64, 96, 3)
    take_folded_weights(again, converted[1])
    before = again(pictures, training=False)
    unspread = again(pictures, training=True)
    take_folded_weights(again, converted[1])
    spread_batch_norms(again, [pictures[:4], pictures[4:]])
    for same, trained, lost, expected in zip(
        again(pictures, training=False), again(pictures, training=True), unspread, before, strict=True
    ):
        np.testing.assert_allclose(same, expected, atol=2e-4)
        np.testing.assert_allclose(trained, expected, atol=2e-3)
        assert np.abs(np.asarray(lost) - np.asarray(expected)).mean() > 0.05


def test_a_file_of_another_network_is_one_line(converted: tuple[keras.Model, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"small.tflite: cannot start from it \(its (stem_conv|Conv1) is"):
        take_folded_weights(build_detector(SMALL, 1.5, trunk=trunk_of(converted[0])), converted[1])
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(DataError, match="0 of its operations are named elsewhere"):
        take_folded_weights(
            keras.Model(inputs, keras.layers.Conv2D(2, 1, name="elsewhere")(inputs)), converted[1]
        )
    (tmp_path / "no.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a TFLite file"):
        take_folded_weights(build_detector(SMALL, 0.25), tmp_path / "no.tflite")
