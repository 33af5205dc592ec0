"""Full-integer post-training quantisation by TensorFlow's converter."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import ModelError

Floats = npt.NDArray[np.float32]


def quantise_model(model: keras.Model, calibration: Floats) -> bytes:
    """An int8 TFLite file of a Keras model: weights, activations, inputs and outputs (Jacob et al. 2018).

    calibration: float32 (N, H, W, 3), as `edge.preprocess.normalise` makes them. They set the range of every
    activation. Convolutions have a scale per channel. Dense layers have one scale: the Edge TPU compiler
    refuses more. Raises ModelError if the converter fails.
    """
    import tensorflow as tf

    samples = span_input_range(calibration)
    with _converter(model) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        # there is no public switch for it
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        return bytes(_quietly(converter.convert))


def float_model(model: keras.Model) -> bytes:
    """A float32 TFLite file of a Keras model, with the operations and tensor names of `quantise_model`."""
    with _converter(model) as converter:
        return bytes(_quietly(converter.convert))


@contextlib.contextmanager
def _converter(model: keras.Model) -> Iterator[Any]:
    """TensorFlow's converter with the model loaded, for one picture at a time.

    The Edge TPU takes no dynamic batch.
    """
    import tensorflow as tf

    signature = keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        _quietly(
            lambda: model.export(folder, format="tf_saved_model", input_signature=[signature], verbose=False)
        )
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def span_input_range(calibration: Floats) -> Floats:
    """A copy in which the first picture has one black and one white pixel.

    Then the input's range is that of 0..255, whatever the pictures show. Its scale is 1/128 and its zero
    point 0, so that quantising the input is exact.
    """
    samples = calibration.copy()
    samples[0, 0, 0], samples[0, 0, 1] = -1.0, 127 / 128
    return samples


def _quietly(convert: Callable[[], Any]) -> Any:
    """Run one step of the converter without its hundreds of lines of output.

    Raises ModelError with the last one if it fails.
    """
    with tempfile.TemporaryFile() as log:
        try:
            with _output_to(log.fileno()):
                return convert()
        except Exception as error:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines() or ["no log"]
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"TensorFlow's converter fails: {reason} ({lines[-1]})") from error


@contextlib.contextmanager
def _output_to(descriptor: int) -> Iterator[None]:
    """Send this process's stdout and stderr, C++ libraries included, to a file descriptor."""
    saved = [os.dup(1), os.dup(2)]
    try:
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        yield
    finally:
        for target, copy in enumerate(saved, start=1):
            os.dup2(copy, target)
            os.close(copy)
