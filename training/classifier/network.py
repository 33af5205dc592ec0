"""The classifier's network: a backbone, global average pooling, dropout and one dense layer."""

from __future__ import annotations

import keras

from training.backbones.table import BACKBONES, DEFAULT, build_backbone

POOL = "pool"
"""Name of the layer that gives one number for each feature."""

SCORES = "scores"
"""Name of the last layer, which gives the probabilities."""


def build_classifier(
    size: int, alpha: float, classes: int, weights: str, dropout: float = 0.2, backbone: str = DEFAULT
) -> keras.Model:
    """A classifier from float32 (N, size, size, 3), by `edge.preprocess.normalise`, to probabilities (N,
    classes).

    alpha: the backbone's width multiplier. weights: as in `training.backbones.table.build_backbone`, which
    also says when DataError is raised. backbone: a name of that table.
    """
    network = build_backbone(backbone, None, (size, size), alpha, weights)
    inputs = keras.Input((size, size, 3), name="crop")
    values = network(BACKBONES[backbone].preprocess(inputs))
    features = keras.layers.GlobalAveragePooling2D(name=POOL)(values)
    features = keras.layers.Dropout(dropout, name="dropout")(features)
    outputs = keras.layers.Dense(classes, activation="softmax", name=SCORES)(features)
    return keras.Model(inputs, outputs, name="mask_classifier")
