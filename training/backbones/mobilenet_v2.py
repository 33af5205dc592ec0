"""MobileNetV2 (Sandler et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

SIZES = (96, 128, 160, 192, 224)
"""Sides of the input, px, for which Keras has ImageNet weights."""

ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Width multipliers for which Keras has ImageNet weights."""

BLOCKS = 16
"""Inverted residual blocks after the stem and the first, unnumbered block."""

LAYER_PREFIXES = ("Conv1", "bn_Conv1", "expanded_conv", "block_", "Conv_1")
"""What the names of its layers with weights begin with."""


def build(
    inputs: keras.KerasTensor | None, size: tuple[int, int], alpha: float, weights: str | None
) -> keras.Model:
    """The network without its top. The arguments are those of `training.backbones.table.Build`."""
    import keras

    return keras.applications.MobileNetV2(
        input_shape=(*size, 3), input_tensor=inputs, alpha=alpha, include_top=False, weights=weights
    )


def preprocess(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return the values as they are: the weights expect -1..1, which `edge.preprocess.normalise` gives."""
    return values


def freeze(network: keras.Model, blocks: int) -> None:
    """Make the network trainable, except for its batch norms, its stem and its first `blocks` residual
    blocks.

    The batch norms stay, because small batches of faces would spoil their statistics, and because what the
    model learns with a batch's own statistics is not what runs at the door. `trainable=False` puts a batch
    norm into inference mode; `training=False` in a call does not, because `fit` calls the model around it.

    The early blocks stay for three reasons. They see edges and colours, which faces share with ImageNet's
    pictures. They take the most training time. And some of their batch norms multiply by 50: training steps
    too small for int8 weights would change what they compute (measured: 4 % of the labels changed in
    conversion).
    """
    import keras

    network.trainable = True
    early = True
    for layer in network.layers:
        early = early and not layer.name.startswith(f"block_{blocks}_")
        layer.trainable = not early and not isinstance(layer, keras.layers.BatchNormalization)
