"""Starting from a shipped `.tflite` file: its int8 weights, with the batch norms folded into them, back in a Keras model that can be trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import DataError, ModelError
from training.tflite_graph import Graph, Op, Tensor, read_graph

Floats = npt.NDArray[np.float32]

PRODUCTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
LAYERS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def take_folded_weights(model: keras.Model, path: Path) -> None:
    """Give every convolution and dense layer of a model the weights that its namesake has in a file which `convert.quantize` made.

    A batch norm behind a convolution gets mean 0, variance 1, the convolution's bias as shift, and as scale what brings each channel's weights to
    the usual size: folded, those of some channels are a thousandth of others', and an optimiser's steps, equally large for all, would change the
    small ones most. The model then computes what the file computes, less the rounding of activations; `spread_batch_norms` makes it fit for training
    with batch statistics. Raises DataError where a layer has no namesake or another shape, ModelError where the file cannot be read.
    """
    graph = read_graph(path)
    norms = {
        norm.input._keras_history.operation.name: norm
        for norm in _layers(model, (keras.layers.BatchNormalization,))
    }
    for layer in _layers(model, LAYERS):
        op = _namesake(graph, layer.name, path)
        # TFLite keeps output channels first, and a depthwise kernel as (1, h, w, channels): in Keras both have that axis last
        kernel, bias = np.moveaxis(_real(op.inputs[1]), 0, -1), _real(op.inputs[2])
        if kernel.shape != tuple(layer.kernel.shape):
            raise DataError(
                f"{path}: cannot start from it (its {layer.name} is {kernel.shape}, the new one {tuple(layer.kernel.shape)})"
            )
        if layer.name in norms:
            norm, scale = (
                norms[layer.name],
                _channel_scale(kernel, -2 if isinstance(layer, keras.layers.DepthwiseConv2D) else -1),
            )
            layer.kernel.assign(kernel / scale)
            norm.set_weights([scale.ravel(), bias, np.zeros_like(bias), np.full_like(bias, 1 - norm.epsilon)])
        else:
            layer.kernel.assign(kernel)
            layer.bias.assign(bias)


def spread_batch_norms(model: keras.Model, batches: Iterable[Floats]) -> None:
    """Set the batch norms' mean and variance to those of their inputs on some pictures, and scale and shift such that the outputs stay.

    batches: float32 (N, H, W, 3), as `edge.preprocess.normalise` makes them. Without this the first step with batch statistics would undo what
    `take_folded_weights` brought. Frozen ones keep their statistics in training, too, and stay.
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
        gamma, beta, old_mean, old_variance = norm.get_weights()
        mean = total[0] / number
        variance = np.maximum(total[1] / number - np.square(mean), 0)
        slope = gamma / np.sqrt(old_variance + norm.epsilon)
        norm.set_weights(
            [slope * np.sqrt(variance + norm.epsilon), beta + slope * (mean - old_mean), mean, variance]
        )


def _channel_scale(kernel: Floats, axis: int) -> Floats:
    """How much larger than usual (He et al. 2015) the weights of each output channel are, shaped to divide the kernel by; 1 where all are 0."""
    others = tuple(i for i in range(kernel.ndim) if i != axis % kernel.ndim)
    size = np.sqrt(np.mean(np.square(kernel), axis=others, keepdims=True))
    usual = np.sqrt(2 * kernel.shape[axis] / kernel.size)
    return np.asarray(np.where(size > 0, size / usual, 1), np.float32)


def _layers(model: keras.Model, kinds: tuple[type, ...]) -> list[keras.layers.Layer]:
    """All layers of some kinds, those of models inside the model included, in the order of the graph."""
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, kinds)]


def _namesake(graph: Graph, layer: str, path: Path) -> Op:
    """The operation whose tensors carry a layer's name; the exporter appends a number to some."""
    name = re.compile(rf"(?:^|[/;]){re.escape(layer)}(?:_\d+)?/")
    found = [
        op
        for op in graph.ops
        if op.name in PRODUCTS and any(name.search(tensor.name) for tensor in (*op.given[1:], *op.outputs))
    ]
    if len(found) != 1:
        reason = f"{len(found)} of its operations are named {layer}"
        raise DataError(
            f"{path}: cannot start from it ({reason}); give a file that convert.quantize made of such a model"
        )
    return found[0]


def _real(tensor: Tensor | None) -> Floats:
    """A weight's real numbers. Raises ModelError where it is missing or float."""
    values = None if tensor is None else tensor.real_values()
    if values is None:
        raise ModelError("a weight is missing, or not quantised; give an int8 file")
    return values.astype(np.float32)
