"""Training that starts from an int8 `.tflite` file: its weights go back into a Keras model.

In the file the batch norms are folded into the convolutions, and the weights are int8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import DataError, ModelError
from training.tflite_graph import Graph, GraphTensor, Op, read_graph

Floats = npt.NDArray[np.float32]

PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operations with a weight and a bias."""

LAYERS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
"""The Keras layers that become such operations."""


def take_folded_weights(model: keras.Model, path: Path) -> None:
    """Give every convolution and dense layer the weights of the operation with its name in an int8 file.

    path: a file that `convert.quantize` made of such a model. Afterwards the model computes what the file
    computes, except for the rounding of activations. Before training with batch statistics, call
    `spread_batch_norms`.

    A batch norm behind a convolution gets mean 0, variance 1 and the convolution's bias as shift. Its scale
    brings each channel's weights to the usual size. Without that, the folded weights of some channels are a
    thousandth of others', and the optimiser's steps, equally large for all, would change the small ones most.
    A convolution in front of a batch norm must have no bias of its own.

    Raises DataError if a layer has no operation of its name, or one of another shape; ModelError if the file
    cannot be read or is not int8.
    """
    graph = read_graph(path)
    norms = {
        norm.input._keras_history.operation.name: norm
        for norm in _layers(model, (keras.layers.BatchNormalization,))
    }
    for layer in _layers(model, LAYERS):
        op = _op_of_layer(graph, layer.name, path)
        # TFLite keeps the output channels first, and a depthwise kernel as (1, h, w, channels);
        # in Keras that axis is the last
        kernel, bias = np.moveaxis(_real(op.inputs[1]), 0, -1), _real(op.inputs[2])
        expected = tuple(layer.kernel.shape)
        if kernel.shape != expected:
            raise DataError(
                f"{path}: cannot start from it (its {layer.name} is {kernel.shape}, the new one {expected})",
                "give a file that was made of a model with the same settings",
            )
        if layer.name in norms:
            _set_with_norm(layer, norms[layer.name], kernel, bias)
        else:
            layer.kernel.assign(kernel)
            layer.bias.assign(bias)


def _set_with_norm(layer: keras.layers.Layer, norm: keras.layers.Layer, kernel: Floats, bias: Floats) -> None:
    """Set a convolution and the batch norm behind it such that both together compute `kernel` and `bias`."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    scale = _channel_scale(kernel, -2 if depthwise else -1)
    layer.kernel.assign(kernel / scale)
    norm.set_weights([scale.ravel(), bias, np.zeros_like(bias), np.full_like(bias, 1 - norm.epsilon)])


def spread_batch_norms(model: keras.Model, batches: Iterable[Floats]) -> None:
    """Set the batch norms' mean and variance to those of their inputs, and keep every output as it is.

    batches: float32 (N, H, W, 3), as `edge.preprocess.normalise` makes them. Without this the first step with
    batch statistics would undo what `take_folded_weights` brought. Frozen batch norms stay as they are: they
    keep their statistics in training too.
    """
    norms = [norm for norm in _layers(model, (keras.layers.BatchNormalization,)) if norm.trainable]
    probe = keras.Model(model.input, [norm.input for norm in norms])
    sums = [np.zeros((2, norm.gamma.shape[0])) for norm in norms]
    count = [0] * len(norms)
    for pictures in batches:
        for i, values in enumerate(probe(pictures, training=False)):
            flat = keras.ops.convert_to_numpy(values).reshape(-1, values.shape[-1]).astype(float)
            sums[i] += [flat.sum(axis=0), np.square(flat).sum(axis=0)]
            count[i] += len(flat)
    for norm, total, number in zip(norms, sums, count, strict=True):
        mean = total[0] / number
        _set_statistics(norm, mean, np.maximum(total[1] / number - np.square(mean), 0))


def _set_statistics(
    norm: keras.layers.Layer, mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]
) -> None:
    """Give a batch norm other statistics, and the scale and shift with which it computes the same."""
    gamma, beta, old_mean, old_variance = norm.get_weights()
    slope = gamma / np.sqrt(old_variance + norm.epsilon)
    scale, shift = slope * np.sqrt(variance + norm.epsilon), beta + slope * (mean - old_mean)
    norm.set_weights([scale, shift, mean, variance])


def _channel_scale(kernel: Floats, axis: int) -> Floats:
    """How many times larger than usual (He et al. 2015) the weights of each channel are; 1 if all are 0.

    axis: the output channels' axis. Returns an array of a shape that the kernel can be divided by.
    """
    others = tuple(i for i in range(kernel.ndim) if i != axis % kernel.ndim)
    size = np.sqrt(np.mean(np.square(kernel), axis=others, keepdims=True))
    usual = np.sqrt(2 * kernel.shape[axis] / kernel.size)
    return np.asarray(np.where(size > 0, size / usual, 1), np.float32)


def _layers(model: keras.Model, kinds: tuple[type, ...]) -> list[keras.layers.Layer]:
    """All layers of some kinds in the order of the graph, including those of models inside the model."""
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, kinds)]


def _op_of_layer(graph: Graph, layer: str, path: Path) -> Op:
    """The one operation whose tensors have a layer's name in theirs.

    The exporter adds a number to some names.
    """
    name = re.compile(rf"(?:^|[/;]){re.escape(layer)}(?:_\d+)?/")
    found = [
        op
        for op in graph.ops
        if op.name in PRODUCTS
        and len(op.inputs) > 2
        and any(name.search(tensor.name) for tensor in (*op.given[1:], *op.outputs))
    ]
    if len(found) != 1:
        raise DataError(
            f"{path}: cannot start from it ({len(found)} of its operations are named {layer})",
            "give a file that convert.quantize made of such a model",
        )
    return found[0]


def _real(tensor: GraphTensor | None) -> Floats:
    """A weight's real numbers. Raises ModelError if it is missing or float."""
    values = None if tensor is None else tensor.real_values()
    if values is None:
        raise ModelError("a weight is missing or not quantised", "give an int8 file")
    return values.astype(np.float32)
