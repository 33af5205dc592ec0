"""Made the four tiny models in this folder: `python tests/data/make.py` (needs the training extra)."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from convert.cards import base_card, write_card
from convert.export import quantise_model

HERE = Path(__file__).parent
POSTPROCESS = 'name: "TFLite_Detection_PostProcess" ' + " ".join(
    f'attr {{ key: "{key}" value {{ {value} }} }}'
    for key, value in {
        "max_detections": "i: 10",
        "max_classes_per_detection": "i: 1",
        "num_classes": "i: 1",
        "use_regular_nms": "b: false",
        "nms_score_threshold": "f: 0.05",
        "nms_iou_threshold": "f: 0.4",
        "y_scale": "f: 10",
        "x_scale": "f: 10",
        "h_scale": "f: 5",
        "w_scale": "f: 5",
    }.items()
)
"""The operation and its settings, as the converter reads them."""


def brightness() -> None:
    """A classifier of 16x16 crops: white is with_mask, black without_mask, grey incorrect_mask."""
    inputs = keras.Input((16, 16, 3))
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([np.array([[4, -4, 0]] * 3, np.float32), np.array([-2, -2, 2], np.float32)])
    greys = np.linspace(-1, 1, 60, dtype=np.float32)[:, None, None, None] * np.ones(
        (1, 16, 16, 3), np.float32
    )
    path = HERE / "brightness.tflite"
    path.write_bytes(quantise_model(model, greys))
    card = {"labels": ["with_mask", "without_mask", "incorrect_mask"], "crop_margin": 0.15}
    write_card(
        path,
        base_card(path, "classification", {})
        | card
        | {"intended_use": "tests", "limits": "knows white, black and grey only"},
    )


def blobs() -> None:
    """A detector for 64x48 px: one level of stride 16, one anchor of 16x16, each bright cell is a face."""
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
        path,
        base_card(path, "detection", {})
        | {"detector": detector | thresholds, "intended_use": "tests", "limits": "knows bright cells only"},
    )


class Postprocessed(tf.Module):
    """`blobs` as TensorFlow's object detection exports its models.

    TFLite's own operation decodes the boxes, and its outputs are renamed.
    """

    @tf.function(experimental_implements=POSTPROCESS)
    def postprocess(self, boxes, scores, anchors):
        """What the converter puts the operation in the place of."""
        return tf.zeros((1, 10, 4)), tf.zeros((1, 10)), tf.zeros((1, 10)), tf.zeros(1)

    @tf.function(input_signature=[tf.TensorSpec((1, 48, 64, 3), name="input")])
    def detect(self, pictures):
        """(1, 48, 64, 3) to boxes, classes, scores and count."""
        cells = tf.nn.avg_pool2d(pictures, 16, 16, "VALID")
        face = tf.sigmoid(tf.nn.conv2d(cells, tf.fill((1, 1, 3, 1), 4.0), 1, "VALID") - 4.0)
        scores = tf.reshape(tf.concat([tf.zeros_like(face), face], -1), (1, 12, 2))
        boxes = tf.reshape(
            tf.nn.conv2d(cells, tf.fill((1, 1, 3, 4), 1e-6), 1, "VALID") + tf.constant([0.0, 0.0, -2.0, 0.0]),
            (1, 12, 4),
        )
        anchors = tf.constant(
            [[(y + 0.5) / 3, (x + 0.5) / 4, 1 / 3, 1 / 4] for y in range(3) for x in range(4)]
        )
        outputs = self.postprocess(boxes, scores, anchors)
        return dict(zip(("boxes", "classes", "scores", "count"), outputs, strict=True))


def postprocessed() -> None:
    """A detector with uint8 input that ends in TFLite_Detection_PostProcess, otherwise as `blobs`."""
    module = Postprocessed()
    pictures = np.random.default_rng(0).uniform(-1, 1, (40, 1, 48, 64, 3)).astype(np.float32)
    pictures[:10], pictures[10:20] = -1, 127 / 128
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.detect)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations, converter.allow_custom_ops = [tf.lite.Optimize.DEFAULT], True
        converter.representative_dataset = lambda: ([picture] for picture in pictures)
        converter.inference_input_type = tf.uint8
        path = HERE / "postprocessed.tflite"
        path.write_bytes(converter.convert())
    names = {
        "boxes": "PartitionedCall:0",
        "classes": "PartitionedCall:1",
        "count": "PartitionedCall:2",
        "scores": "PartitionedCall:3",
    }
    detector = {"outputs": "postprocessed", "score_threshold": 0.5, "face_class": 0, "output_names": names}
    write_card(
        path,
        base_card(path, "detection", {})
        | {"detector": detector, "intended_use": "tests", "limits": "knows bright cells only"},
    )


def float_model() -> None:
    """A float32 model, which the runtime must refuse."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(
        inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    )
    (HERE / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


if __name__ == "__main__":
    brightness()
    blobs()
    postprocessed()
    float_model()
