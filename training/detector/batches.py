"""Batches of composed pictures with their anchors' targets, for Keras."""

from __future__ import annotations

import keras
import numpy as np

from edge.inference.anchors import Floats
from edge.types import Pixels
from training.detector.augment import Composer
from training.detector.losses import Matcher


class DetectionBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Composed pictures, uint8 (B, H, W, 3), with `Matcher` targets, float32 (B, anchors, 6).

    In an epoch each scene begins one picture. epoch: the one to begin with, so that a resumed training sees
    what the uninterrupted one would have seen. Two worker threads are of use because OpenCV and TensorFlow
    release the interpreter's lock while they work.
    """

    def __init__(
        self, composer: Composer, matcher: Matcher, scenes: int, batch: int, seed: int, epoch: int = 0
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=6)
        self.composer, self._matcher, self._scenes, self._batch = composer, matcher, scenes, batch
        self._seed, self._epoch = seed, epoch
        self._draw()

    def __len__(self) -> int:
        return self._scenes // self._batch

    def __getitem__(self, index: int) -> tuple[Pixels, Floats]:
        rng = np.random.default_rng((self._seed, self._epoch, index))
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        examples = [self.composer(int(scene), rng) for scene in chosen]
        targets = [self._matcher(example.boxes, example.ignored) for example in examples]
        return np.stack([example.pixels for example in examples]), np.stack(targets)

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._draw()

    def _draw(self) -> None:
        self._order = np.random.default_rng((self._seed, self._epoch)).permutation(self._scenes)
