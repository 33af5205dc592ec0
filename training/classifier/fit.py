"""The classifier's training: the head, then everything."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import keras
import numpy as np

from training.backbones.mobilenet_v2 import make_tunable
from training.classifier.batches import EvaluationBatches, TrainingBatches
from training.classifier.network import base_of
from training.classifier.parts import Parts
from training.runs import BACKUP, HISTORY, read_history


def fit_head(model: keras.Model, batches: TrainingBatches, epochs: int) -> None:
    """Phase one: the base's features of one augmented pass are computed once, and the dense layer fitted to them."""
    trunk = keras.Model(model.input, model.get_layer("pool").output)
    features, targets, weights = [], [], []
    progress = keras.utils.Progbar(len(batches), unit_name="batch")
    for i in range(len(batches)):
        pixels, target, weight = batches[i]
        features.append(trunk.predict_on_batch(pixels))
        targets.append(target)
        weights.append(weight)
        progress.update(i + 1)
    scores = model.get_layer("scores")
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
    model: keras.Model, parts: Parts, arguments: argparse.Namespace, batches: TrainingBatches
) -> dict[str, list[float]]:
    """Phase two. Writes a backup each epoch, keeps the weights of the lowest validation loss, stops when it no longer falls.

    The weights are averaged over steps (EMA): with few held-out groups one epoch's own weights are judged by luck.
    """
    if arguments.start_from or arguments.weights != "none":
        make_tunable(base_of(model), arguments.frozen_blocks)
    out: Path = arguments.out
    steps = len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        arguments.learning_rate / 20,
        decay_steps=max(1, steps * (arguments.epochs - 1)),
        alpha=0.01,
        warmup_target=arguments.learning_rate,
        warmup_steps=min(steps, 200),
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0, use_ema=True, ema_momentum=0.996),
        keras.losses.CategoricalCrossentropy(label_smoothing=arguments.label_smoothing),
        metrics=["accuracy", keras.metrics.F1Score(average="macro", name="macro_f1")],
    )
    history_path = out / HISTORY
    best = (
        min(read_history(history_path).get("val_loss", [math.inf]))
        if (out / "best.weights.h5").is_file()
        else math.inf
    )
    model.fit(
        batches,
        epochs=arguments.epochs,
        validation_data=EvaluationBatches(parts.val, parts.labels, arguments.size),
        callbacks=[
            keras.callbacks.BackupAndRestore(str(out / BACKUP), delete_checkpoint=False),
            keras.callbacks.CSVLogger(str(history_path), append=True),
            keras.callbacks.SwapEMAWeights(
                swap_on_epoch=True
            ),  # the backup above holds the raw weights, what follows sees the averaged ones
            keras.callbacks.ModelCheckpoint(
                str(out / "best.weights.h5"),
                monitor="val_loss",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=best,
            ),
            # not in the first half: steps are large there, and what they cost comes back at the end
            keras.callbacks.EarlyStopping(
                monitor="val_loss",
                patience=arguments.patience,
                start_from_epoch=arguments.epochs // 2,
                verbose=1,
            ),
            keras.callbacks.TerminateOnNaN(),
        ],
        verbose=1 if sys.stderr.isatty() else 2,
    )
    model.load_weights(out / "best.weights.h5")
    return read_history(history_path)
