"""What of the classifier a fine-tuning may change, and how much a label weighs in it."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the training extra is not installed: these tests were NOT run")

import keras

from edge.types import BoundingBox, Label
from tests.builders import ROOT
from training.backbones.mobilenet_v2 import freeze
from training.backbones.table import backbone_of
from training.backbones.unfold import take_folded_weights
from training.classifier.augment import augmented_crop, expected_labels
from training.classifier.batches import class_weights
from training.classifier.network import build_classifier
from training.datasets.samples import LABELS, Sample

pytestmark = pytest.mark.training

SHIPPED = ROOT / "models" / "mask_classifier.tflite"
POINTS = (20.0, 20.0, 44.0, 20.0, 32.0, 34.0, 24.0, 46.0, 40.0, 46.0)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 96, 96, 3)).astype(np.float32)


def test_batch_norms_stay_as_they_were_in_a_step_of_fine_tuning():
    """`fit` calls the model in training mode: a batch norm must do the same there as at the door."""
    model = build_classifier(96, 0.35, 3, "none", dropout=0.0)
    freeze(backbone_of(model), 3)
    norms = [
        layer for layer in backbone_of(model).layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.moving_variance.assign(norm.moving_variance * 3)
    x = pictures(4)
    np.testing.assert_allclose(model(x, training=True), model(x, training=False), atol=1e-6)
    before = [norm.get_weights() for norm in norms]
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    model.train_on_batch(x, np.eye(3, dtype=np.float32)[[0, 1, 2, 0]])
    for norm, weights in zip(norms, before, strict=True):
        np.testing.assert_array_equal(norm.get_weights(), weights)


@pytest.mark.parametrize(("blocks", "first"), [(1, "block_1_expand"), (3, "block_3_expand")])
def test_early_blocks_are_frozen(blocks, first):
    base = backbone_of(build_classifier(96, 0.35, 3, "none"))
    freeze(base, blocks)
    tuned = [layer.name for layer in base.layers if layer.trainable_weights]
    assert tuned[0] == first
    assert not any(name.startswith("Conv1") for name in tuned)


def test_the_shipped_classifier_can_be_trained_on():
    """Its weights come back at the usual size, and a few steps on its own results do not change these."""
    model = build_classifier(128, 1.0, 3, "none", dropout=0.0)
    take_folded_weights(model, SHIPPED)
    kernels = [layer.kernel for layer in backbone_of(model).layers if isinstance(layer, keras.layers.Conv2D)]
    sizes = np.concatenate(
        [
            np.sqrt(np.mean(np.square(k), axis=(0, 1, 2)) * np.prod(k.shape[:3]) / 2)
            for k in map(np.asarray, kernels)
        ]
    )
    np.testing.assert_allclose(sizes[sizes > 0], 1, rtol=1e-3)
    freeze(backbone_of(model), 3)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 128, 128, 3)).astype(np.float32)
    before = model.predict(x, verbose=0)
    model.compile(keras.optimizers.AdamW(1e-5), "categorical_crossentropy")
    for _ in range(3):
        model.train_on_batch(x, before)
    assert np.abs(model.predict(x, verbose=0) - before).max() < 0.1


def test_a_label_weighs_by_what_augmentation_makes_of_the_samples():
    """More than a quarter of the bare faces wear a drawn mask by the time they are trained on."""
    bare = [
        Sample(Path("x"), Label.WITHOUT_MASK, "s", "g", BoundingBox(10, 10, 54, 58), POINTS)
        for _ in range(300)
    ]
    masked = [Sample(Path("x"), Label.WITH_MASK, "s", "g") for _ in range(100)]
    pixels, rng = np.full((64, 64, 3), 128, np.uint8), np.random.default_rng(1)
    for labels in (LABELS, LABELS[:2]):
        expected = expected_labels([*bare, *masked], labels)
        assert list(expected) == list(labels)
        assert sum(expected.values()) == pytest.approx(400)
        made = [augmented_crop(sample, pixels, 32, frozenset(labels), rng)[1] for sample in [*bare, *masked]]
        for label in labels:
            assert made.count(label) == pytest.approx(expected[label], abs=30)
    assert expected_labels([Sample(Path("x"), Label.WITHOUT_MASK, "s", "g")], LABELS)[Label.WITHOUT_MASK] == 1


def test_class_weights_are_1_on_average():
    weights = class_weights({Label.WITH_MASK: 900.0, Label.WITHOUT_MASK: 100.0, Label.INCORRECT_MASK: 0.0})
    assert weights[Label.WITHOUT_MASK] == pytest.approx(3 * weights[Label.WITH_MASK])
    assert (900 * weights[Label.WITH_MASK] + 100 * weights[Label.WITHOUT_MASK]) / 1000 == pytest.approx(1)
