"""Made the three tiny models in this folder: `python tests/data/make.py` (needs the training extra)."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from convert.cards import base_card, write_card
from convert.tflite import quantise_model

HERE = Path(__file__).parent


def brightness() -> None:
    """A classifier of 16x16 crops: white is with_mask, black without_mask, grey incorrect_mask."""
    inputs = keras.Input((16, 16, 3))
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([np.array([[4, -4, 0]] * 3, np.float32), np.array([-2, -2, 2], np.float32)])
    greys = np.linspace(-1, 1, 60, dtype=np.float32)[:, None, None, None] * np.ones((1, 16, 16, 3), np.float32)
    path = HERE / "brightness.tflite"
    path.write_bytes(quantise_model(model, greys))
    card = {"labels": ["with_mask", "without_mask", "incorrect_mask"], "crop_margin": 0.15}
    write_card(path, base_card(path, "classification", {}) | card | {"intended_use": "tests", "limits": "knows white, black and grey only"})


def blobs() -> None:
    """A detector of 64x48 pictures: one level of stride 16, one anchor of 16x16, every bright cell is a face."""
    inputs = keras.Input((48, 64, 3))
    cells = keras.layers.AveragePooling2D(16)(inputs)
    scores, boxes = keras.layers.Conv2D(1, 1, name="scores"), keras.layers.Conv2D(4, 1, name="boxes")
    model = keras.Model(inputs, [scores(cells), boxes(cells)])
    scores.set_weights([np.full((1, 1, 3, 1), 4, np.float32), np.array([-4], np.float32)])
    boxes.set_weights([np.full((1, 1, 3, 4), 1e-6, np.float32), np.array([0, 0, 0, -2], np.float32)])
    pictures = np.random.default_rng(0).uniform(-1, 1, (40, 48, 64, 3)).astype(np.float32)
    pictures[:10], pictures[10:20] = -1, 127 / 128
    path = HERE / "blobs.tflite"
    path.write_bytes(quantise_model(model, pictures))
    detector = {"outputs": "raw", "levels": [{"stride": 16, "sizes": [[16, 16]]}], "variances": [0.1, 0.2]}
    thresholds = {"score_threshold": 0.5, "iou_threshold": 0.4}
    write_card(
        path, base_card(path, "detection", {}) | {"detector": detector | thresholds, "intended_use": "tests", "limits": "knows bright cells only"}
    )


def float_model() -> None:
    """A float32 model, which the runtime must refuse."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(inputs)))
    (HERE / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


if __name__ == "__main__":
    brightness()
    blobs()
    float_model()
