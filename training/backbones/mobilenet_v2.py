"""MobileNetV2 (Sandler et al. 2018), in which the classifier and the larger detector begin."""

from __future__ import annotations

from pathlib import Path

import keras

from edge.errors import DataError


def mobilenet_v2(
    inputs: keras.KerasTensor | None, size: tuple[int, int], alpha: float, weights: str
) -> keras.Model:
    """MobileNetV2 without its top. inputs: the tensor that it grows from, or None for a model of its own; size: (height, width) px.

    weights: `imagenet` (Keras fetches them), `none`, or a `.weights.h5` file. Raises DataError where they don't fit.
    """
    settings = {"input_shape": (*size, 3), "input_tensor": inputs, "alpha": alpha, "include_top": False}
    if weights == "imagenet":
        try:
            return keras.applications.MobileNetV2(**settings, weights="imagenet")
        except Exception as error:  # the download's errors are of many kinds
            raise DataError(f"ImageNet weights cannot be had ({error}); give --weights FILE") from error
    base = keras.applications.MobileNetV2(**settings, weights=None)
    if weights != "none":
        if not Path(weights).is_file():
            raise DataError(
                f"{weights}: no such file; --weights takes imagenet or a .weights.h5 of MobileNetV2 without its top"
            )
        try:
            base.load_weights(weights)
        except (ValueError, OSError, KeyError) as error:
            raise DataError(
                f"{weights}: does not fit MobileNetV2 with alpha {alpha} ({str(error).splitlines()[0]})"
            ) from error
    return base


def make_tunable(base: keras.Model, frozen_blocks: int) -> None:
    """Make a MobileNetV2 trainable but for its batch norms, its stem and its first `frozen_blocks` inverted residual blocks.

    The batch norms: small batches of faces would spoil their statistics, and what was learned with a batch's own is not what runs at the door.
    `trainable=False` puts one into inference mode; `training=False` in a call would not, where `fit` calls the model around it.
    The early blocks: they see edges and colours, which faces share with ImageNet; they cost the most time to train; and some of their batch norms
    multiply by 50, so that steps of training too small for int8 weights would change what they say (measured: 4 % of the labels lost in conversion).
    """
    base.trainable = True
    early = True
    for layer in base.layers:
        early = early and not layer.name.startswith(f"block_{frozen_blocks}_")
        layer.trainable = not early and not isinstance(layer, keras.layers.BatchNormalization)
