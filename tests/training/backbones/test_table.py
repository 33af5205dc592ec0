"""The table of backbones: every row builds, saves and exports, and the rest asks the table alone."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import DataError, ModelError
from tests.builders import ROOT
from training.backbones.table import (
    BACKBONES,
    DEFAULT,
    NO_WEIGHTS,
    backbone_name,
    backbone_of,
    build_backbone,
)
from training.detector.trunks import LIGHT, PRETRAINED, TRUNKS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorFlow's own, with numpy 2

NAMES = sorted(BACKBONES)


def smallest(name: str) -> tuple[int, float]:
    """The smallest input and the narrowest network of a row."""
    return min(BACKBONES[name].sizes), min(BACKBONES[name].alphas)


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, side, side, 3)).astype(np.float32)


# --- the rows, without Keras


@pytest.mark.parametrize("name", NAMES)
def test_a_row_holds_together(name):
    row = BACKBONES[name]
    assert row.sizes and row.alphas and row.layer_prefixes
    assert 1 <= row.frozen_blocks <= row.blocks
    assert row.detector is None or 1 <= row.detector.frozen_blocks <= row.blocks


def test_a_run_says_its_backbone_and_an_earlier_one_means_mobilenet_v2():
    assert backbone_name({}) == DEFAULT == "mobilenet_v2"
    assert [backbone_name({"backbone": name}) for name in NAMES] == NAMES
    with pytest.raises(ModelError, match="'resnet_9000', this version has mobilenet_v2") as caught:
        backbone_name({"backbone": "resnet_9000"})
    assert caught.value.cure


def test_cards_name_the_width_only_where_there_is_a_choice():
    row = BACKBONES["mobilenet_v2"]
    assert row.describe(1.0) == "MobileNetV2, alpha 1.0"
    assert replace(row, alphas=(1.0,)).describe(1.0) == "MobileNetV2"


def test_trunks_are_our_own_and_those_of_the_table():
    assert set(PRETRAINED) == {name for name in NAMES if BACKBONES[name].detector}
    assert set(TRUNKS) == {LIGHT, *PRETRAINED}


@pytest.mark.parametrize("command", ["train", "train_detector"])
def test_help_needs_no_keras(command):
    code = (
        "import sys, runpy; sys.modules['keras'] = sys.modules['tensorflow'] = None; "
        f"sys.argv = ['x', '--help']; runpy.run_module('training.{command}', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "mobilenet_v2" in result.stdout


# --- the networks


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_each_builds_saves_and_exports_as_a_classifier(name, tmp_path):
    pytest.importorskip("tensorflow", reason="the training extra is not installed: NOT run")
    import keras

    from convert.export import quantise_model
    from edge.inference.interpreter import import_runtime
    from training.classifier.network import build_classifier

    side, alpha = smallest(name)
    model = build_classifier(side, alpha, 3, NO_WEIGHTS, backbone=name)
    scores = model.predict(pictures(2, side), verbose=0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(again.predict(pictures(2, side), verbose=0), scores, atol=1e-6)
    interpreter = import_runtime().module.Interpreter(model_content=quantise_model(model, pictures(2, side)))
    assert interpreter.get_input_details()[0]["shape"].tolist() == [1, side, side, 3]
    assert interpreter.get_output_details()[0]["shape"].tolist() == [1, 3]


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_freezing_keeps_the_first_blocks_and_all_batch_norms(name):
    pytest.importorskip("tensorflow", reason="the training extra is not installed: NOT run")
    import keras

    from training.classifier.network import build_classifier

    row, (side, alpha) = BACKBONES[name], smallest(name)
    network = backbone_of(build_classifier(side, alpha, 3, NO_WEIGHTS, backbone=name))
    trained = []
    for blocks in (1, row.frozen_blocks, row.blocks):
        row.freeze(network, blocks)
        trained.append(len(network.trainable_weights))
        norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        assert norms and not any(norm.trainable_weights for norm in norms)
        assert not network.layers[1].trainable
    assert trained == sorted(trained, reverse=True)
    assert 0 < trained[-1] < trained[0] < len(network.weights)


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_all_layers_with_weights_have_the_rows_prefixes_and_none_of_a_detectors_own_has(name):
    """The detector's optimiser takes smaller steps in the layers with these names."""
    pytest.importorskip("tensorflow", reason="the training extra is not installed: NOT run")
    from training.detector.network import build_detector
    from training.detector.shape import DetectorShape

    row, (side, alpha) = BACKBONES[name], smallest(name)
    network = build_backbone(name, None, (side, side), alpha, NO_WEIGHTS)
    own = {layer.name for layer in network.layers}
    assert all(layer.name.startswith(row.layer_prefixes) for layer in network.layers if layer.weights)
    if row.detector is not None:
        detector = build_detector(DetectorShape(96, 64), alpha, trunk=name)
        added = [layer.name for layer in detector.layers if layer.weights and layer.name not in own]
        assert added and not any(layer.startswith(row.layer_prefixes) for layer in added)


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_a_models_input_reaches_the_network_as_its_weights_expect_it(name):
    pytest.importorskip("tensorflow", reason="the training extra is not installed: NOT run")
    import keras

    from training.classifier.network import POOL, build_classifier

    row, (side, alpha) = BACKBONES[name], smallest(name)
    model = build_classifier(side, alpha, 3, NO_WEIGHTS, backbone=name)
    values = pictures(2, side)
    features = keras.Model(model.input, model.get_layer(POOL).output)(values)
    expected = backbone_of(model)(row.preprocess(values))
    np.testing.assert_allclose(features, np.asarray(expected).mean(axis=(1, 2)), atol=1e-4)


@pytest.mark.training
@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), (b"junk", "does not fit MobileNetV2 with alpha")]
)
def test_weights_that_do_not_fit_are_one_line(content, words, tmp_path):
    pytest.importorskip("tensorflow", reason="the training extra is not installed: NOT run")
    path = tmp_path / "base.weights.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        build_backbone(DEFAULT, None, (96, 96), 0.35, str(path))
    assert str(path) in caught.value.what and "--weights takes" in caught.value.cure
    assert "\n" not in str(caught.value)
