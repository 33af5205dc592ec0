"""The classifier's network: MobileNetV2, global average pooling, dropout, one dense layer."""

from __future__ import annotations

import keras

from training.backbones.mobilenet_v2 import mobilenet_v2


def build_classifier(
    size: int, alpha: float, classes: int, weights: str, dropout: float = 0.2
) -> keras.Model:
    """A classifier of float32 (N, size, size, 3), values by `edge.preprocess.normalise`, to probabilities (N, classes).

    weights: `imagenet` (Keras fetches them), `none`, or a `.weights.h5` file of the headless base. Raises DataError where they don't fit.
    """
    base = mobilenet_v2(None, (size, size), alpha, weights)
    inputs = keras.Input((size, size, 3), name="crop")
    features = keras.layers.GlobalAveragePooling2D(name="pool")(base(inputs))
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    outputs = keras.layers.Dense(classes, activation="softmax", name="scores")(features)
    return keras.Model(inputs, outputs, name="mask_classifier")


def base_of(model: keras.Model) -> keras.Model:
    """The MobileNetV2 inside a classifier."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))
