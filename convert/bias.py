"""Rounds a classifier's weights to int8 before the converter does, and undoes what that does to the averages.

A rounded kernel shifts the mean of its outputs. Over fifty layers that adds up, and some faces get another
label. Bias correction takes the shift back: Nagel et al. 2019, "Data-Free Quantization Through Weight
Equalization and Bias Correction", section 4.2; here the means are measured on pictures.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.backbones.table import backbone_of
from training.classifier.network import SCORES

Floats = npt.NDArray[np.float32]

LEVELS = 127
"""The largest step of a symmetric int8 weight."""

BATCH = 8
"""Pictures at a time. The activations of all layers are kept for them: at 224 px some 90 MB for each."""


def round_weights(model: keras.Model, pictures: Floats) -> None:
    """Give a classifier int8 weights in place, and shifts with which every channel keeps its mean.

    model: of `training.classifier.network`. pictures: float32 (N, size, size, 3), for the means. The weights
    lie on the steps that the converter will choose: per output channel in convolutions, per tensor in the
    dense layer.
    """
    base, dense = backbone_of(model), model.get_layer(SCORES)
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    expected = _means(base.input, [norm.output for norm in norms], pictures)
    scores = _means(model.input, [dense.input], pictures)[0] @ dense.get_weights()[0]
    progress = tqdm(norms, desc="rounding weights", unit="layer", file=sys.stderr)
    for norm, mean in zip(progress, expected, strict=True):
        convolution = norm.input._keras_history.operation
        depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        axes = (0, 1, 3) if depthwise else (0, 1, 2)
        convolution.kernel.assign(rounded(np.asarray(convolution.kernel), axes))
        norm.beta.assign_add(mean - _means(base.input, [norm.output], pictures)[0])
    kernel, bias = dense.get_weights()
    kernel = rounded(kernel, (0, 1))
    dense.set_weights([kernel, bias + scores - _means(model.input, [dense.input], pictures)[0] @ kernel])


def rounded(kernel: Floats, axes: tuple[int, ...]) -> Floats:
    """A kernel with each weight at its nearest int8 step, as real numbers.

    axes: the weights along them share a scale. A scale is the largest magnitude divided by LEVELS.
    """
    step = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True) / LEVELS, 1e-12)
    return np.asarray(np.round(kernel / step) * step, np.float32)


def _means(inputs: keras.KerasTensor, outputs: list[keras.KerasTensor], pictures: Floats) -> list[Floats]:
    """The mean of each channel (the last axis) of some tensors of a model: float32 (C,) each."""
    probe = keras.Model(inputs, outputs)
    sums: list[npt.NDArray[np.float64]] = [np.zeros(output.shape[-1]) for output in outputs]
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        for total, values in zip(sums, keras.tree.flatten(probe(batch, training=False)), strict=True):
            total += len(batch) * keras.ops.convert_to_numpy(values).mean(axis=tuple(range(values.ndim - 1)))
    return [np.asarray(total / len(pictures), np.float32) for total in sums]
