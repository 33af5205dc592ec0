"""The classifier's training in two phases: a new head on the frozen backbone, then both together."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import keras
import numpy as np

from training.backbones.table import BACKBONES, NO_WEIGHTS, backbone_of
from training.classifier.batches import EvaluationBatches, TrainingBatches
from training.classifier.network import POOL, SCORES
from training.classifier.parts import ClassifierParts
from training.runs import BACKUP, HISTORY, read_history

BEST = "best.weights.h5"
"""File in a run's folder: the weights with the lowest validation loss so far."""

WARM_UP_STEPS = 200
"""Steps in which the learning rate rises to its highest."""


def fit_head(model: keras.Model, batches: TrainingBatches, epochs: int) -> None:
    """Phase one: fit the last layer to the features of one augmented epoch, which are computed once."""
    trunk = keras.Model(model.input, model.get_layer(POOL).output)
    features, targets, weights = [], [], []
    print("features for the new head:", file=sys.stderr)
    progress = keras.utils.Progbar(len(batches), unit_name="batch")
    for i in range(len(batches)):
        pixels, target, weight = batches[i]
        features.append(trunk.predict_on_batch(pixels))
        targets.append(target)
        weights.append(weight)
        progress.update(i + 1)
    scores = model.get_layer(SCORES)
    head = keras.Sequential([keras.Input((features[0].shape[1],)), keras.layers.Dropout(0.2), scores])
    head.compile(keras.optimizers.Adam(1e-3), keras.losses.CategoricalCrossentropy(label_smoothing=0.05))
    head.fit(
        np.concatenate(features),
        np.concatenate(targets),
        sample_weight=np.concatenate(weights),
        epochs=epochs,
        batch_size=64,
        verbose=0,
    )


def fine_tune(
    model: keras.Model, parts: ClassifierParts, arguments: argparse.Namespace, batches: TrainingBatches
) -> dict[str, list[float]]:
    """Phase two: train everything that the backbone's `freeze` leaves free. Returns the epoch log.

    It writes a backup in each epoch, keeps the weights with the lowest validation loss, and stops early when
    that loss no longer falls. The weights are averaged over steps (EMA): with few held-out groups it is luck
    how one epoch's own weights do on them.
    """
    if arguments.start_from or arguments.weights != NO_WEIGHTS:
        BACKBONES[arguments.backbone].freeze(backbone_of(model), arguments.frozen_blocks)
    model.compile(
        _optimizer(arguments, len(batches)),
        keras.losses.CategoricalCrossentropy(label_smoothing=arguments.label_smoothing),
        metrics=["accuracy", keras.metrics.F1Score(average="macro", name="macro_f1")],
    )
    model.fit(
        batches,
        epochs=arguments.epochs,
        validation_data=EvaluationBatches(parts.val, parts.labels, arguments.size),
        callbacks=_callbacks(arguments),
        verbose=1 if sys.stderr.isatty() else 2,
    )
    model.load_weights(arguments.out / BEST)
    return read_history(arguments.out / HISTORY)


def _optimizer(arguments: argparse.Namespace, steps: int) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) with warm-up and cosine decay. steps: batches in an epoch."""
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate / 20,
        decay_steps=max(1, steps * (arguments.epochs - 1)),
        alpha=0.01,
        warmup_target=arguments.learning_rate,
        warmup_steps=min(steps, WARM_UP_STEPS),
    )
    return keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0, use_ema=True, ema_momentum=0.996)


def _callbacks(arguments: argparse.Namespace) -> list[keras.callbacks.Callback]:
    """Their order matters: the backup holds the raw weights, what follows the swap sees the averaged ones."""
    out: Path = arguments.out
    return [
        keras.callbacks.BackupAndRestore(str(out / BACKUP), delete_checkpoint=False),
        keras.callbacks.CSVLogger(str(out / HISTORY), append=True),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.ModelCheckpoint(
            str(out / BEST),
            monitor="val_loss",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=_lowest_loss(out),
        ),
        # not in the first half: steps are large there, and the loss that they cost comes back at the end
        keras.callbacks.EarlyStopping(
            monitor="val_loss",
            patience=arguments.patience,
            start_from_epoch=arguments.epochs // 2,
            verbose=1,
        ),
        keras.callbacks.TerminateOnNaN(),
    ]


def _lowest_loss(out: Path) -> float:
    """The validation loss of BEST; infinite if an interrupted run has left none."""
    if not (out / BEST).is_file():
        return math.inf
    return min(read_history(out / HISTORY).get("val_loss", [math.inf]))
