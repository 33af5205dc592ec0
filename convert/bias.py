"""Rounding a classifier's weights to int8 before the converter does, and taking back what that does to the averages.

Bias correction: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.2, by pictures. A rounded
kernel shifts the mean of its outputs; over fifty layers that adds up to faces that change sides.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.classifier import base_of

Floats = npt.NDArray[np.float32]

LEVELS = 127
"""The largest step of a symmetric int8 weight."""


def round_weights(model: keras.Model, pictures: Floats) -> None:
    """Give a classifier of `training.classifier` int8 weights, in place, and shifts with which every channel's mean stays what it was.

    The weights lie on the steps that the converter will choose: per output channel in convolutions, per tensor in the dense layer. pictures: float32
    (N, size, size, 3), what the means are taken over.
    """
    base, dense = base_of(model), model.get_layer("scores")
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    expected = [_mean(output) for output in keras.Model(base.input, [norm.output for norm in norms])(pictures, training=False)]
    features = keras.Model(model.input, dense.input)
    scores = _mean(features(pictures, training=False)) @ dense.get_weights()[0]
    for norm, mean in zip(tqdm(norms, desc="rounding weights", unit="layer", file=sys.stderr), expected, strict=True):
        convolution = norm.input._keras_history.operation
        depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        convolution.kernel.assign(rounded(np.asarray(convolution.kernel), (0, 1, 3) if depthwise else (0, 1, 2)))
        norm.beta.assign_add(mean - _mean(keras.Model(base.input, norm.output)(pictures, training=False)))
    kernel, bias = dense.get_weights()
    kernel = rounded(kernel, (0, 1))
    dense.set_weights([kernel, bias + scores - _mean(features(pictures, training=False)) @ kernel])


def rounded(kernel: Floats, axes: tuple[int, ...]) -> Floats:
    """The nearest int8 steps of a kernel, as numbers. axes: those that share a scale, which is their largest magnitude's 127th."""
    step = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True) / LEVELS, 1e-12)
    return np.asarray(np.round(kernel / step) * step, np.float32)


def _mean(values: keras.KerasTensor) -> Floats:
    """Per channel, the last axis: float32 (C,)."""
    values = keras.ops.convert_to_numpy(values)
    return np.asarray(values.mean(axis=tuple(range(values.ndim - 1))), np.float32)
