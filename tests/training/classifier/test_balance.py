"""The last step of a classifier's training: one number off the logit of `with_mask`."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the training extra is not installed: these tests were NOT run")

import keras

from edge.pictures.files import write_picture
from edge.types import Label
from training.classifier.balance import STEPS, balance, best_step
from training.datasets.samples import LABELS, Sample

pytestmark = pytest.mark.training


def logits(masked: list[float], bare: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Three classes; each number is by how much a face's logit of with_mask leads that of without_mask."""
    rows = [[lead, 0.0, -5.0] for lead in masked + bare]
    return np.array(rows), np.array([0] * len(masked) + [1] * len(bare))


@pytest.mark.parametrize(
    ("masked", "bare", "step"),
    [
        ([5, 5, 5], [-5, -5, -5], 0.0),  # nothing to gain
        ([5, 5, 5], [0.6, -5, -5], 0.75),  # the smallest step that turns the doubtful one
        ([0.5, 0.5, 5], [0.6, -5, -5], 0.0),  # two masked faces for a bare one are no gain
        ([5] * 999 + [1.1], [1.1] + [-5] * 999, 0.0),  # less than the pictures can tell
        ([9, 9], [7, 7], 0.0),  # out of reach
    ],
)
def test_best_step(masked, bare, step):
    assert best_step(*logits(masked, bare), LABELS) == step


def classifier(bias: float) -> keras.Model:
    """Calls everything with_mask, blue things more surely: its logit leads by `bias` and twice the blue."""
    inputs = keras.Input((32, 32, 3))
    scores = keras.layers.Dense(2, activation="softmax", name="scores")
    model = keras.Model(inputs, scores(keras.layers.GlobalAveragePooling2D()(inputs)))
    scores.set_weights([np.array([[0, 0], [0, 0], [2, 0]], np.float32), np.array([bias, 0], np.float32)])
    return model


def faces(folder: Path, label: Label, blue: int, count: int = 3) -> list[Sample]:
    files = [folder / f"{label}{i}.png" for i in range(count)]
    for file in files:
        write_picture(file, np.full((40, 40, 3), (90, 90, blue), np.uint8))
    return [Sample(file, label, "made", file.name) for file in files]


def test_a_classifier_too_fond_of_masks_is_cured(tmp_path):
    samples = faces(tmp_path, Label.WITH_MASK, 250) + faces(tmp_path, Label.WITHOUT_MASK, 5)
    model = classifier(bias=3.0)
    off = balance(model, samples, LABELS[:2], 32, seed=0)
    assert off in STEPS and off >= 1.0
    assert model.get_layer("scores").get_weights()[1] == pytest.approx([3.0 - off, 0])
    assert balance(classifier(bias=3.0), samples, LABELS[:2], 32, seed=0) == off


def test_without_both_sides_there_is_nothing_to_choose_by(tmp_path):
    model = classifier(bias=3.0)
    assert balance(model, faces(tmp_path, Label.WITHOUT_MASK, 5), LABELS[:2], 32, seed=0) == 0.0
    assert model.get_layer("scores").get_weights()[1] == pytest.approx([3.0, 0])
