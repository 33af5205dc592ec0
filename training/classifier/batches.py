"""Batches of face crops for Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt

from edge.pictures.files import read_picture
from edge.preprocess import normalise, resize
from edge.types import Label
from training.classifier.augment import augmented_crop, expected_labels, keras_layers
from training.datasets.samples import Sample
from training.datasets.splits import limit_sources

Floats = npt.NDArray[np.float32]


class EvaluationBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The crops of some samples as they are, in order.

    A batch is float32 (N, size, size, 3) and one-hot float32 (N, K).
    """

    def __init__(
        self, samples: Sequence[Sample], labels: Sequence[Label], size: int, batch: int = 64
    ) -> None:
        super().__init__(workers=1)
        self.samples, self.labels, self.size, self.batch = samples, tuple(labels), size, batch

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch)

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        chosen = self.samples[index * self.batch : (index + 1) * self.batch]
        pixels = np.stack(
            [resize(sample.crop(read_picture(sample.file)), self.size, self.size) for sample in chosen]
        )
        return normalise(pixels), one_hot([sample.label for sample in chosen], self.labels)


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented crops in a new random order in each epoch, with a weight for each sample.

    A batch is float32 (N, size, size, 3), one-hot float32 (N, K) and float32 (N,): rare classes weigh more.
    limits: source -> samples of it in an epoch at most. epoch: the one to begin with, so that a resumed
    training sees what the uninterrupted one would have seen.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        labels: Sequence[Label],
        size: int,
        batch: int,
        limits: Mapping[str, int],
        seed: int,
        epoch: int = 0,
    ) -> None:
        super().__init__(workers=1, max_queue_size=4)
        self._samples, self.labels, self.size, self.batch = samples, tuple(labels), size, batch
        self._limits, self._seed, self._epoch = limits, seed, epoch
        self._augmentation = keras_layers(seed)
        self._draw()

    def __len__(self) -> int:
        return len(self._drawn) // self.batch

    def __getitem__(self, index: int) -> tuple[Floats, Floats, Floats]:
        rng = np.random.default_rng((self._seed, self._epoch, index))
        chosen = self._drawn[index * self.batch : (index + 1) * self.batch]
        known = frozenset(self.labels)
        crops = [
            augmented_crop(sample, read_picture(sample.file), self.size, known, rng) for sample in chosen
        ]
        pixels = np.stack([pixels for pixels, _ in crops]).astype(np.float32)
        augmented = keras.ops.convert_to_numpy(self._augmentation(pixels, training=True))
        labels = [label for _, label in crops]
        weights = np.array([self._weights[label] for label in labels], np.float32)
        return normalise(np.clip(augmented, 0, 255)), one_hot(labels, self.labels), weights

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._draw()

    def _draw(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        drawn = limit_sources(self._samples, self._limits, rng)
        self._drawn = [drawn[i] for i in rng.permutation(len(drawn))]
        self._weights = class_weights(expected_labels(drawn, self.labels))


def one_hot(labels: Sequence[Label], order: Sequence[Label]) -> Floats:
    """float32 (N, K): 1 in the column of each label, 0 elsewhere. order: the labels of the columns."""
    return np.eye(len(order), dtype=np.float32)[[order.index(label) for label in labels]]


def class_weights(counts: Mapping[Label, float]) -> dict[Label, float]:
    """A weight for each class, 1 on average over samples: the square root of inverse frequency.

    Full inverse frequency would let a few odd pictures of a thin class decide.
    """
    raw = {label: max(1.0, count) ** -0.5 for label, count in counts.items()}
    mean = sum(raw[label] * count for label, count in counts.items()) / max(1.0, sum(counts.values()))
    return {label: weight / mean for label, weight in raw.items()}
