"""Which layer loses accuracy in int8: a layer spoiled on purpose must be found. Needs TensorFlow."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the training extra is not installed: these tests were NOT run")

import keras

from convert.export import float_model, quantise_model
from convert.layers import LayerError, draw, layer_errors, layers_text, short_name, worst_first
from edge.errors import ModelError
from edge.preprocess import normalise

pytestmark = pytest.mark.training
SIZE = 16


def pictures(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8))


def make_model(spoiled: bool = False) -> keras.Model:
    """Three convolutions. Spoiled: a channel between the first two is 300 times larger; the second undoes it.

    The function stays the same, but eight bits for all channels hold little of the others.
    """
    rng = np.random.default_rng(0)
    layer = inputs = keras.Input((SIZE, SIZE, 3))
    convolutions = [keras.layers.Conv2D(8, 3, padding="same", name=f"conv{i}") for i in range(3)]
    for convolution in convolutions:
        layer = convolution(layer)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(layer))
    weights = [
        rng.normal(0, 0.2, convolution.kernel.shape).astype(np.float32) for convolution in convolutions
    ]
    if spoiled:
        weights[0][..., 0] *= 300
        weights[1][:, :, 0, :] /= 300
    for convolution, kernel in zip(convolutions, weights, strict=True):
        convolution.set_weights([kernel, np.zeros(8, np.float32)])
    return model


def errors_of(model: keras.Model, folder, calibration: np.ndarray | None = None) -> list[LayerError]:
    path = folder / "model.tflite"
    path.write_bytes(
        quantise_model(
            model, np.stack([normalise(p) for p in pictures(20)]) if calibration is None else calibration
        )
    )
    return layer_errors(float_model(model), path, pictures(8))


def test_every_operation_is_measured_and_a_sound_model_loses_little(tmp_path):
    errors = errors_of(make_model(), tmp_path)
    assert [error.op for error in errors] == ["CONV_2D"] * 3 + ["MEAN"]
    assert [short_name(error.name) for error in errors[:3]] == ["conv0", "conv1", "conv2"]
    assert all(error.sqnr_db > 25 for error in errors)
    assert all(error.weights_db > 30 for error in errors[:3])
    assert errors[3].weights_db is None
    assert all(error.clipped < 0.01 for error in errors)


def test_the_layer_that_loses_accuracy_is_found(tmp_path):
    spoiled, sound = errors_of(make_model(spoiled=True), tmp_path), errors_of(make_model(), tmp_path)
    assert short_name(worst_first(spoiled)[0].name) == "conv1"
    assert spoiled[1].lost_db > sound[1].lost_db + 15
    assert spoiled[2].sqnr_db < sound[2].sqnr_db - 15  # and all that follows bears it


def test_a_range_that_calibration_never_saw_is_shown_as_clipped(tmp_path):
    grey = np.zeros((20, SIZE, SIZE, 3), np.float32)
    errors = errors_of(make_model(), tmp_path, grey)
    assert errors[1].clipped > 0.05


def test_another_model_is_refused(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(quantise_model(make_model(), np.stack([normalise(p) for p in pictures(5)])))
    inputs = keras.Input((SIZE, SIZE, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(4, 1, name="other")(inputs))
    with pytest.raises(ModelError, match="give the run that it was made of"):
        layer_errors(float_model(other), path, pictures(1))


def test_names_tables_and_draws():
    assert (
        short_name("m_1/base_1/block_1_expand_BN_1/batchnorm/add_1;m_1/base_1/block_1_expand_1/convolution")
        == "block_1_expand_BN"
    )
    assert short_name("m_1/pool_1/Mean") == "pool"
    assert short_name("StatefulPartitionedCall_1:0") == "StatefulPartitionedCall_1:0"
    entry = {
        "index": 3,
        "op": "CONV_2D",
        "name": "m/c/x",
        "shape": [1, 2],
        "sqnr_db": 20.0,
        "lost_db": 5.0,
        "weights_db": None,
        "clipped": 0.5,
    }
    assert "50.00%" in layers_text([entry], 5)
    assert draw(list(range(100)), 5) == draw(list(range(100)), 5)
    assert len(draw([1, 2], 5)) == 2
