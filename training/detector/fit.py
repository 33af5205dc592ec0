"""The detector's training loop: schedule, hard negatives, averaged weights, a backup each epoch."""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.preprocess import resize
from training.backbones.table import BACKBONES
from training.detector.augment import Composer
from training.detector.batches import DetectionBatches
from training.detector.losses import DetectionLoss, flatten_outputs
from training.detector.shape import DetectorShape
from training.runs import BACKUP, HISTORY, read_history


class Mining(keras.callbacks.Callback):  # type: ignore[misc]
    """Makes the composer take backgrounds with a high score more often (Sung and Poggio 1998: hard
    negatives).

    It looks at all of them before the first epoch, then at LOOKS more before each epoch, in turn. How often
    one is taken depends on the square of its highest score: of some hundred pictures a dozen gives all the
    false alarms, and the many easy ones must not outweigh them. whole: the trained model, from uint8 (N,
    height, width, 3) to (N, anchors, 5).
    """

    LOOKS = 256
    """Backgrounds that are looked at before an epoch."""
    BATCH = 16
    """Backgrounds that are looked at together."""
    LEAST = 0.02
    """Added to the squared score, so that every background is taken now and then."""

    def __init__(self, composer: Composer, whole: keras.Model) -> None:
        super().__init__()
        self._composer, self._whole, self._next = composer, whole, 0
        self._count = len(composer.backgrounds)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # not when the training begins: a resumed one gets its weights only after that
        self._look(self._count)
        self._count = min(self.LOOKS, self._count)

    def _look(self, count: int) -> None:
        _, height, width, _ = self._whole.input_shape
        backgrounds = self._composer.backgrounds
        difficulty = self._composer.difficulty.copy()  # the workers still draw by the old one
        turn = (self._next + np.arange(count)) % len(backgrounds)
        self._next = (self._next + count) % len(backgrounds)
        for start in range(0, count, self.BATCH):
            these = turn[start : start + self.BATCH]
            pictures = np.stack([resize(backgrounds[i][1], width, height) for i in these])
            highest = keras.ops.max(self._whole(pictures, training=False)[..., 0], axis=1)
            logits = keras.ops.convert_to_numpy(highest).astype(float)
            difficulty[these] = self.LEAST + 1 / (1 + np.exp(-logits)) ** 2
        self._composer.difficulty = difficulty


class SlowTrunk(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW (Loshchilov and Hutter 2019) that takes smaller steps in a pretrained trunk.

    layer_prefixes: what the names of the trunk's layers begin with; () if it begins with random values.
    """

    RATE = 0.25
    """The trunk's learning rate by that of the other layers."""

    def __init__(self, learning_rate: float, layer_prefixes: tuple[str, ...], **settings: Any) -> None:
        super().__init__(learning_rate, **settings)
        self._layer_prefixes = layer_prefixes

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: keras.KerasTensor
    ) -> None:
        # Keras gives TensorFlow's own variable here, whose name is the path
        path = getattr(variable, "path", variable.name)
        slow = path.startswith(self._layer_prefixes)
        super().update_step(gradient, variable, learning_rate * (self.RATE if slow else 1.0))


WARM_UP_STEPS = 300
"""Steps in which the learning rate rises to its highest."""


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]
    """Warm-up and cosine decay (Loshchilov and Hutter 2017), over epochs or minutes, whichever end first.

    composer: is told the progress. peak: highest learning rate. steps: batches in an epoch. first: the epoch
    to begin with. spent: seconds that earlier parts of a resumed training took.
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
        warm = min(1.0, (self._step + 1) / WARM_UP_STEPS)
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
    """Train a model in place, with a backup in each epoch. first: the epoch to begin with.

    The weights that remain are the exponential moving average over about the last thousand steps.
    """
    pixels = keras.Input((shape.height, shape.width, 3), dtype="uint8", name="pixels")
    values = keras.layers.Rescaling(1 / 128, -1.0)(pixels)  # edge.preprocess.normalise
    whole = keras.Model(pixels, flatten_outputs(model(values)))
    whole.compile(_optimizer(arguments), DetectionLoss(shape), jit_compile=False)
    history = arguments.out / HISTORY
    schedule = Schedule(
        batches.composer,
        arguments.learning_rate,
        arguments.epochs,
        len(batches),
        first,
        arguments.minutes,
        sum(read_history(history).get("seconds", [])),
    )
    whole.fit(
        batches,
        epochs=arguments.epochs,
        callbacks=[
            schedule,
            # behind the schedule, whose clock counts the time of mining
            *([Mining(batches.composer, whole)] if arguments.background else []),
            keras.callbacks.BackupAndRestore(str(arguments.out / BACKUP), delete_checkpoint=False),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: append_history(history, epoch, logs)
            ),
            keras.callbacks.TerminateOnNaN(),
        ],
        verbose=1 if sys.stderr.isatty() else 2,
    )


def _optimizer(arguments: argparse.Namespace) -> SlowTrunk:
    pretrained = BACKBONES.get(arguments.trunk)
    optimizer = SlowTrunk(
        arguments.learning_rate,
        pretrained.layer_prefixes if pretrained else (),
        weight_decay=0.02,
        global_clipnorm=10.0,
        use_ema=True,
        ema_momentum=arguments.ema,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def append_history(path: Path, epoch: int, logs: dict[str, float]) -> None:
    """Add one line: epoch (from 0), loss, and the seconds that it took."""
    if not path.exists():
        path.write_text("epoch,loss,seconds\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as lines:
        lines.write(f"{epoch},{logs['loss']:.6f},{logs['seconds']:.2f}\n")
