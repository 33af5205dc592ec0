"""The last step of a classifier's training: how readily it says `with_mask`.

Most pictures to be had are of masked faces, and masks are drawn on bare ones, so that a trained network takes a doubtful face for a masked
one. At a door that is the mistake that matters. The cure is that for a shifted prior (Saerens et al. 2002): one number off the logit of
`with_mask`, chosen on the validation part, whose faces are made as hard as a door makes them.
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
from training.datasets.samples import Sample

STEPS = np.arange(0, 3.01, 0.25)
"""What is tried, in logits."""

SLACK = 0.002
"""A step that is worse by no more than this is as good: the curve is flat at its top, and some hundred faces tell no finer."""

CROPS, LOOKS = 5000, 12
"""About so many augmented crops are looked at, but at most so many of one face."""


def balance(
    model: keras.Model, samples: Sequence[Sample], labels: Sequence[Label], size: int, seed: int
) -> float:
    """Lower the `with_mask` bias of a classifier's last layer, in place, by the number that suits some held-out samples best; returns it.

    0 where a side is missing among the samples: then there is nothing to choose by.
    """
    if not {Label.WITH_MASK, Label.WITHOUT_MASK} <= {sample.label for sample in samples}:
        return 0.0
    scores, truth = [], []
    for pixels, names in _batches(samples, labels, size, seed):
        scores.append(model.predict_on_batch(normalise(pixels)))
        truth += [labels.index(name) for name in names]
    off = best_step(np.log(np.maximum(np.concatenate(scores), 1e-9)), np.array(truth), labels)
    kernel, bias = model.get_layer("scores").get_weights()
    bias[labels.index(Label.WITH_MASK)] -= off
    model.get_layer("scores").set_weights([kernel, bias])
    return off


def best_step(logits: Scores, truth: Truth, labels: Sequence[Label]) -> float:
    """Which of STEPS off the logit of `with_mask` gives the highest balanced accuracy of masked against bare; the smallest of those that all but do.

    logits: float (N, K), up to a number per row. truth: int (N,). labels: in the order of the columns.
    """
    mask = np.eye(len(labels))[labels.index(Label.WITH_MASK)]
    pairs = [with_without(truth, logits - step * mask, labels) for step in STEPS]
    accuracy = np.array([pair["balanced_accuracy"] if pair else 0.0 for pair in pairs])
    return float(STEPS[np.flatnonzero(accuracy >= accuracy.max() - SLACK)[0]])


def _batches(
    samples: Sequence[Sample], labels: Sequence[Label], size: int, seed: int
) -> Iterator[tuple[Pixels, list[Label]]]:
    """Crops as in training, uint8 (N, size, size, 3), and their labels; each sample gives equally many, in one batch."""
    rng, known = np.random.default_rng(seed), frozenset(labels)
    looks = min(LOOKS, max(1, CROPS // len(samples)))
    for sample in samples:
        pixels = read_picture(sample.file)
        crops = [augmented_crop(sample, pixels, size, known, rng) for _ in range(looks)]
        yield np.stack([crop for crop, _ in crops]), [label for _, label in crops]
