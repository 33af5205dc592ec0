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

from training.classifier.network import base_of

Floats = npt.NDArray[np.float32]

LEVELS = 127
"""The largest step of a symmetric int8 weight."""

BATCH = 8
"""Pictures at a time: the activations of all layers are held for so many, at 224 px some 90 MB each."""


def round_weights(model: keras.Model, pictures: Floats) -> None:
    """Give a classifier of `training.classifier.network` int8 weights, in place, and shifts with which every channel's mean stays what it was.

    The weights lie on the steps that the converter will choose: per output channel in convolutions, per tensor in the dense layer. pictures: float32
    (N, size, size, 3), what the means are taken over.
    """
    base, dense = base_of(model), model.get_layer("scores")
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    expected = _means(base.input, [norm.output for norm in norms], pictures)
    scores = _means(model.input, [dense.input], pictures)[0] @ dense.get_weights()[0]
    for norm, mean in zip(
        tqdm(norms, desc="rounding weights", unit="layer", file=sys.stderr), expected, strict=True
    ):
        convolution = norm.input._keras_history.operation
        depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        convolution.kernel.assign(
            rounded(np.asarray(convolution.kernel), (0, 1, 3) if depthwise else (0, 1, 2))
        )
        norm.beta.assign_add(mean - _means(base.input, [norm.output], pictures)[0])
    kernel, bias = dense.get_weights()
    kernel = rounded(kernel, (0, 1))
    dense.set_weights([kernel, bias + scores - _means(model.input, [dense.input], pictures)[0] @ kernel])


def rounded(kernel: Floats, axes: tuple[int, ...]) -> Floats:
    """The nearest int8 steps of a kernel, as numbers. axes: those that share a scale, which is their largest magnitude's 127th."""
    step = np.maximum(np.abs(kernel).max(axis=axes, keepdims=True) / LEVELS, 1e-12)
    return np.asarray(np.round(kernel / step) * step, np.float32)


def _means(inputs: keras.KerasTensor, outputs: list[keras.KerasTensor], pictures: Floats) -> list[Floats]:
    """Of some tensors of a model, per channel, the last axis: float32 (C,) each."""
    probe = keras.Model(inputs, outputs)
    sums: list[npt.NDArray[np.float64]] = [np.zeros(output.shape[-1]) for output in outputs]
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        for total, values in zip(sums, keras.tree.flatten(probe(batch, training=False)), strict=True):
            total += len(batch) * keras.ops.convert_to_numpy(values).mean(axis=tuple(range(values.ndim - 1)))
    return [np.asarray(total / len(pictures), np.float32) for total in sums]
