"""Weights put on int8 steps before conversion, and the means that this must not move."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the training extra is not installed: these tests were NOT run")

import keras

from convert.bias import round_weights, rounded
from training.backbones.table import backbone_of
from training.classifier.network import build_classifier

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (8, 96, 96, 3)).astype(np.float32)


def classifier() -> keras.Model:
    """Its weights are coarse: an outlier in each channel leaves few steps for the others, so rounding
    shifts the means.
    """
    keras.utils.set_random_seed(0)
    model = build_classifier(96, 0.35, 3, "none")
    for layer in backbone_of(model).layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            kernel = np.asarray(layer.kernel).copy()
            kernel[0, 0, 0] *= 30
            layer.kernel.assign(kernel)
    return model


@pytest.mark.parametrize(("axes", "steps"), [((0, 1, 2), [0.02, 0.04]), ((0, 1, 2, 3), [0.04, 0.04])])
def test_rounded_weights_lie_on_the_steps_of_those_that_share_a_scale(axes, steps):
    kernel = np.random.default_rng(1).uniform(-1, 1, (3, 3, 4, 2)).astype(np.float32)
    kernel[1, 1, 1] = [127 * 0.02, -127 * 0.04]
    ratio = rounded(kernel, axes) / np.array(steps)
    np.testing.assert_allclose(ratio, np.round(ratio), atol=1e-3)
    assert np.abs(ratio).max() == pytest.approx(127, abs=1e-3)
    assert (np.abs(rounded(kernel, axes) - kernel) <= np.array(steps) / 2 + 1e-6).all()


def test_a_channel_of_zeros_stays_one():
    np.testing.assert_array_equal(rounded(np.zeros((1, 1, 2, 3), np.float32), (0, 1, 2)), 0)


def test_no_channel_s_mean_moves(pictures):
    model, exact = classifier(), classifier()
    norms = [
        layer.name
        for layer in backbone_of(model).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]

    def means(of: keras.Model) -> list[np.ndarray]:
        probe = keras.Model(backbone_of(of).input, [backbone_of(of).get_layer(name).output for name in norms])
        return [np.asarray(output).mean(axis=(0, 1, 2)) for output in probe(pictures, training=False)]

    before = means(model)
    for layer in backbone_of(model).layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            axes = (0, 1, 3) if isinstance(layer, keras.layers.DepthwiseConv2D) else (0, 1, 2)
            layer.kernel.assign(rounded(np.asarray(layer.kernel), axes))
    moved = max(np.abs(a - b).max() / b.std() for a, b in zip(means(model), before, strict=True))
    assert moved > 0.1  # what rounding alone does
    model = classifier()
    round_weights(model, pictures)
    for got, expected in zip(means(model), before, strict=True):
        np.testing.assert_allclose(got, expected, atol=0.01 * expected.std())
    scores, expected = (np.log(one.predict(pictures, verbose=0)).mean(axis=0) for one in (model, exact))
    np.testing.assert_allclose(scores - scores[0], expected - expected[0], atol=1e-3)
