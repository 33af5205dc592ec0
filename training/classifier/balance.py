"""The last step of a classifier's training: how easily it says `with_mask`.

Most of the available pictures show masked faces, and masks are drawn on bare ones. So a trained network takes
a doubtful face for a masked one. At a door that is the mistake that matters. The cure is the one for a
shifted prior (Saerens et al. 2002): one number is taken off the logit of `with_mask`. It is chosen on the
validation part, whose faces are made as hard as a door makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from edge.pictures.files import read_picture
from edge.preprocess import normalise
from edge.types import Label, Pixels
from training.classifier.augment import augmented_crop
from training.classifier.metrics import Scores, Truth, with_without
from training.classifier.network import SCORES
from training.datasets.samples import Sample

STEPS = np.arange(0, 3.01, 0.25)
"""The numbers that are tried, in logits."""

SLACK = 0.002
"""A step whose accuracy is worse by at most this counts as equally good.

The curve is flat at its top, and some hundred faces cannot tell finer.
"""

CROPS = 5000
"""About this many augmented crops are judged in all."""

MAX_CROPS_OF_A_FACE = 12


def balance(
    model: keras.Model, samples: Sequence[Sample], labels: Sequence[Label], size: int, seed: int
) -> float:
    """Lower the `with_mask` bias of a classifier's last layer in place, and return by how much, in logits.

    samples: held-out faces, by which the number is chosen. If masked or bare ones are missing among them
    there is nothing to choose by, and the number is 0.
    """
    if not {Label.WITH_MASK, Label.WITHOUT_MASK} <= {sample.label for sample in samples}:
        return 0.0
    scores, truth = [], []
    for pixels, names in _batches(samples, labels, size, seed):
        scores.append(model.predict_on_batch(normalise(pixels)))
        truth += [labels.index(name) for name in names]
    off = best_step(np.log(np.maximum(np.concatenate(scores), 1e-9)), np.array(truth), labels)
    kernel, bias = model.get_layer(SCORES).get_weights()
    bias[labels.index(Label.WITH_MASK)] -= off
    model.get_layer(SCORES).set_weights([kernel, bias])
    return off


def best_step(logits: Scores, truth: Truth, labels: Sequence[Label]) -> float:
    """The step off the logit of `with_mask` that gives the best balanced accuracy of masked against bare
    faces.

    Of steps that are equally good (SLACK) it is the smallest. logits: float (N, K), each row up to a
    constant. truth: int (N,). labels: in the order of the columns.
    """
    mask = np.eye(len(labels))[labels.index(Label.WITH_MASK)]
    pairs = [with_without(truth, logits - step * mask, labels) for step in STEPS]
    accuracy = np.array([pair["balanced_accuracy"] if pair else 0.0 for pair in pairs])
    return float(STEPS[np.flatnonzero(accuracy >= accuracy.max() - SLACK)[0]])


def _batches(
    samples: Sequence[Sample], labels: Sequence[Label], size: int, seed: int
) -> Iterator[tuple[Pixels, list[Label]]]:
    """Augmented crops as in training, uint8 (N, size, size, 3), and their labels.

    Each sample gives one batch. All batches have the same number of crops.
    """
    rng, known = np.random.default_rng(seed), frozenset(labels)
    number = min(MAX_CROPS_OF_A_FACE, max(1, CROPS // len(samples)))
    for sample in samples:
        pixels = read_picture(sample.file)
        crops = [augmented_crop(sample, pixels, size, known, rng) for _ in range(number)]
        yield np.stack([crop for crop, _ in crops]), [label for _, label in crops]
