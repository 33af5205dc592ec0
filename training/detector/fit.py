"""The detector's training loop: schedule, hard negatives, averaged weights, a backup each epoch."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import keras
import numpy as np

from edge.preprocess import resize
from training.detector.augment import Composer
from training.detector.batches import DetectionBatches
from training.detector.losses import DetectionLoss, flatten_outputs
from training.detector.network import PRETRAINED
from training.detector.shape import DetectorShape
from training.runs import BACKUP, HISTORY, read_history


class Mining(keras.callbacks.Callback):  # type: ignore[misc]
    """Has the backgrounds with the highest score drawn more often (hard negatives: Sung and Poggio 1998).

    It looks at all of them before the first epoch, then at LOOKS more before each, in turn. By the square of the score: of some hundred pictures
    a dozen gives all the false alarms, which must not drown among the easy ones.
    whole: the trained model, uint8 (N, height, width, 3) to (N, anchors, 5).
    """

    LOOKS, BATCH, LEAST = 256, 16, 0.02

    def __init__(self, composer: Composer, whole: keras.Model) -> None:
        super().__init__()
        self._composer, self._whole, self._next = composer, whole, 0
        self._count = len(composer.backgrounds)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # not when the training begins: a resumed one has its weights only after that
        self._look(self._count)
        self._count = min(self.LOOKS, self._count)

    def _look(self, count: int) -> None:
        _, height, width, _ = self._whole.input_shape
        backgrounds = self._composer.backgrounds
        difficulty = self._composer.difficulty.copy()  # the workers are drawing by the one that stands
        turn = (self._next + np.arange(count)) % len(backgrounds)
        self._next = (self._next + count) % len(backgrounds)
        for start in range(0, count, self.BATCH):
            these = turn[start : start + self.BATCH]
            pictures = np.stack([resize(backgrounds[i][1], width, height) for i in these])
            highest = keras.ops.max(self._whole(pictures, training=False)[..., 0], axis=1)
            difficulty[these] = (
                self.LEAST + 1 / (1 + np.exp(-keras.ops.convert_to_numpy(highest).astype(float))) ** 2
            )
        self._composer.difficulty = difficulty


class SlowTrunk(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW (Loshchilov and Hutter 2019) that takes smaller steps where ImageNet's weights are than in the layers that begin with random values."""

    RATE = 0.25

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: keras.KerasTensor
    ) -> None:
        path = getattr(
            variable, "path", variable.name
        )  # TensorFlow's own variable, which it gives here, has the path for a name
        super().update_step(
            gradient, variable, learning_rate * (self.RATE if path.startswith(PRETRAINED) else 1.0)
        )


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]
    """Warm-up and cosine decay (Loshchilov and Hutter 2017) over a number of epochs, or over so many minutes where they end first.

    composer: is told the progress. spent: seconds that earlier parts of a resumed training took.
    """

    def __init__(
        self,
        composer: Composer,
        peak: float,
        epochs: int,
        steps: int,
        first: int,
        minutes: float,
        spent: float,
    ) -> None:
        super().__init__()
        self._composer = composer
        self._peak, self._total, self._step, self._steps = peak, epochs * steps, first * steps, steps
        self._limit, self._spent, self._start = minutes * 60, spent, time.monotonic()
        self._epoch_start = self._start

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch_start = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        elapsed = self._spent + time.monotonic() - self._start
        progress = max(self._step / self._total, elapsed / self._limit)
        warm = min(1.0, (self._step + 1) / 300)
        self.model.optimizer.learning_rate = (
            self._peak * warm * (0.005 + 0.995 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)
        )
        self.model.stop_training = self.model.stop_training or progress >= 1
        self._composer.progress = progress
        self._step += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None:
            logs["seconds"] = time.monotonic() - self._epoch_start


def fit(
    model: keras.Model,
    shape: DetectorShape,
    batches: DetectionBatches,
    arguments: argparse.Namespace,
    first: int,
) -> None:
    """Train in place, with a backup each epoch; the weights that remain are the exponential moving average of the last thousand steps."""
    pixels = keras.Input((shape.height, shape.width, 3), dtype="uint8", name="pixels")
    values = keras.layers.Rescaling(1 / 128, -1.0)(pixels)  # edge.preprocess.normalise
    whole = keras.Model(pixels, flatten_outputs(model(values)))
    optimizer = SlowTrunk(
        arguments.learning_rate,
        weight_decay=0.02,
        global_clipnorm=10.0,
        use_ema=True,
        ema_momentum=arguments.ema,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    whole.compile(optimizer, DetectionLoss(shape), jit_compile=False)
    spent = sum(read_history(arguments.out / HISTORY).get("seconds", []))
    mining = [Mining(batches.composer, whole)] if arguments.background else []
    whole.fit(
        batches,
        epochs=arguments.epochs,
        callbacks=[
            Schedule(
                batches.composer,
                arguments.learning_rate,
                arguments.epochs,
                len(batches),
                first,
                arguments.minutes,
                spent,
            ),
            *mining,  # behind the schedule, whose clock counts it
            keras.callbacks.BackupAndRestore(str(arguments.out / BACKUP), delete_checkpoint=False),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: append_history(arguments.out / HISTORY, epoch, logs)
            ),
            keras.callbacks.TerminateOnNaN(),
        ],
        verbose=1 if sys.stderr.isatty() else 2,
    )


def append_history(path: Path, epoch: int, logs: dict[str, float]) -> None:
    """One line: epoch (from 0), loss, and the seconds it took."""
    if not path.exists():
        path.write_text("epoch,loss,seconds\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as lines:
        lines.write(f"{epoch},{logs['loss']:.6f},{logs['seconds']:.2f}\n")
