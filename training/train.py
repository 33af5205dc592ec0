"""`python -m training.train`: from a folder of labelled faces to a mask classifier.

First the new head on a frozen MobileNetV2, then all of it at a small learning rate with the batch norms frozen. Everything that is needed to
use, judge and repeat the run is written into `--out`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge.errors import DataError
from edge.preprocess import CROP_MARGIN
from edge.types import Label
from training.arguments import named_number
from training.backbones.mobilenet import make_tunable
from training.classifier.balance import balance
from training.classifier.batches import EvaluationBatches, TrainingBatches
from training.classifier.metrics import classification_metrics, text_report
from training.classifier.network import base_of, build_classifier
from training.classifier.plots import plot_evaluation, plot_learning_curves
from training.commands import run_command
from training.datasets.samples import (
    Sample,
    check_pictures,
    describe,
    is_excluded,
    near_duplicates,
    present_labels,
    read_excluded,
    read_samples,
    read_split,
    split_groups,
    write_split,
)
from training.runs import BACKUP, HISTORY, prepare_folder, read_history, recorded_arguments, start_from


@dataclass(frozen=True, slots=True)
class Parts:
    """The samples of one run after checking and splitting."""

    train: list[Sample]
    val: list[Sample]
    test: list[Sample]
    labels: tuple[Label, ...]
    groups: dict[str, str]
    unreadable: int
    duplicates: int


def load_parts(arguments: argparse.Namespace) -> Parts:
    """Read, check and split `--data`; training pictures that repeat a held-out one are dropped, whatever their group says.

    `--exclude` takes pictures from the training part alone: the held-out parts keep their wrong labels, so that figures stay comparable.
    """
    samples, hashes, unreadable = check_pictures(
        [sample for folder in arguments.data for sample in read_samples(folder)]
    )
    for line in unreadable:
        print(f"skipped: {line}", file=sys.stderr)
    labels = present_labels(samples)
    groups = _split(samples, arguments)
    part_of = np.array([groups[sample.group] for sample in samples])
    repeated = near_duplicates(hashes, hashes[part_of != "train"]) & (part_of == "train")
    parts = {
        part: [
            sample
            for sample, own, again in zip(samples, part_of, repeated, strict=True)
            if own == part and not again
        ]
        for part in ("train", "val", "test")
    }
    if arguments.exclude:
        excluded = read_excluded(arguments.exclude)
        parts["train"] = [sample for sample in parts["train"] if not is_excluded(sample, excluded)]
    missing = set(labels) - {sample.label for sample in parts["train"]}
    if missing or not parts["val"]:
        what = f"no {', '.join(sorted(missing))} left to train on" if missing else "no validation part"
        raise DataError(
            f"splitting by group gives {what}; add groups (people, places), or change --val-fraction, --test-fraction or --seed"
        )
    return Parts(
        parts["train"], parts["val"], parts["test"], labels, groups, len(unreadable), int(repeated.sum())
    )


def _split(samples: Sequence[Sample], arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.split:
        held_out = read_split(arguments.split)
        return {sample.group: held_out.get(sample.group, "train") for sample in samples}
    return split_groups(
        samples,
        test=arguments.test_fraction,
        val=arguments.val_fraction,
        seed=arguments.seed,
        sources=arguments.holdout_source,
    )


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


def write_results(
    model: keras.Model, parts: Parts, history: dict[str, list[float]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Model, history, figures and plots into `--out`; returns the figures of the part that no choice was made on."""
    out: Path = arguments.out
    model.save(out / "model.keras")
    (out / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")
    if history:
        plot_learning_curves(history, out / "learning_curves.png")
    figures: dict[str, Any] = {}
    for part, samples in (("val", parts.val), ("test", parts.test)):
        if not samples:
            continue
        batches = EvaluationBatches(samples, parts.labels, arguments.size)
        scores = model.predict(batches, verbose=0)
        truth = np.array([parts.labels.index(sample.label) for sample in samples])
        figures[part] = classification_metrics(truth, scores, parts.labels) | {"unreadable": parts.unreadable}
        plot_evaluation(truth, scores, parts.labels, out / part)
        (out / f"{part}_report.txt").write_text(text_report(figures[part]) + "\n", encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def write_config(parts: Parts, arguments: argparse.Namespace, off: float) -> None:
    """What the model needs to be used and the run to be repeated. off: what `balance` chose."""
    config = {
        "task": "classification",
        "labels": list(parts.labels),
        "size": arguments.size,
        "alpha": arguments.alpha,
        "crop_margin": CROP_MARGIN,
        "with_mask_logit_lowered_by": off,
        "arguments": recorded_arguments(arguments) | {"weights": Path(arguments.weights).name},
        "samples": {"train": len(parts.train), "val": len(parts.val), "test": len(parts.test)},
        "sources": dict(sorted(Counter(sample.source for sample in parts.train).items())),
        "unreadable": parts.unreadable,
        "near_duplicates_dropped": parts.duplicates,
    }
    (arguments.out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    epoch = prepare_folder(arguments.out, arguments.resume)
    keras.utils.set_random_seed(arguments.seed)
    parts = load_parts(arguments)
    write_split(arguments.out / "split.csv", parts.groups)
    for part in ("train", "val", "test"):
        print(f"{part}: {describe(getattr(parts, part)) or 'none'}", file=sys.stderr)
    print(
        f"{parts.unreadable} unreadable, {parts.duplicates} near-duplicates of held-out pictures dropped",
        file=sys.stderr,
    )
    limits = dict(arguments.source_limit)
    batches = TrainingBatches(
        parts.train, parts.labels, arguments.size, arguments.batch, limits, arguments.seed, epoch
    )
    if len(batches) == 0:
        raise DataError(
            f"{len(parts.train)} training pictures do not fill one batch of {arguments.batch}; add pictures or lower --batch"
        )
    model = build_classifier(
        arguments.size,
        arguments.alpha,
        len(parts.labels),
        "none" if arguments.start_from else arguments.weights,
    )
    if arguments.start_from:
        start_from(model, arguments.start_from, "of the same --alpha and classes")
    elif not arguments.resume:
        fit_head(model, batches, arguments.head_epochs)
    history = fine_tune(model, parts, arguments, batches) if arguments.epochs else {}
    off = balance(model, parts.val, parts.labels, arguments.size, arguments.seed)
    write_config(parts, arguments, off)
    print(f"with_mask's logit lowered by {off:g}, the best for the validation part", file=sys.stderr)
    figures = write_results(model, parts, history, arguments)
    shutil.rmtree(arguments.out / BACKUP, ignore_errors=True)
    part = "test" if "test" in figures else "val"
    print(f"{part} part:\n{text_report(figures[part])}\n\n{arguments.out / 'model.keras'}")
    return 0


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not within 0..0.5")
    return value


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        help="folders: one sub-folder per label, a manifest.csv, or COCO scenes",
    )
    add("--out", type=Path, required=True, help="folder for the run's model, plots and figures")
    add(
        "--size",
        type=int,
        default=128,
        choices=(96, 128, 160, 192, 224),
        help="input side in px (default: %(default)s)",
    )
    add(
        "--alpha",
        type=float,
        default=1.0,
        help="width of MobileNetV2; ImageNet weights exist for 0.35 0.5 0.75 1.0 1.3 1.4 (default: %(default)s)",
    )
    add(
        "--weights",
        default="imagenet",
        metavar="imagenet|FILE|none",
        help="what the base starts from (default: %(default)s)",
    )
    add(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="go on from an earlier model.keras or .tflite, of any --size, instead of fitting a new head",
    )
    add(
        "--epochs",
        type=int,
        default=12,
        help="at most so many; 0: balance and judge alone (default: %(default)s)",
    )
    add(
        "--head-epochs",
        type=int,
        default=15,
        help="of the head alone, on cached features (default: %(default)s)",
    )
    add(
        "--frozen-blocks",
        type=int,
        default=3,
        choices=range(1, 17),
        metavar="1..16",
        help="first blocks that keep their weights (default: %(default)s)",
    )
    add(
        "--patience",
        type=int,
        default=5,
        help="in the second half, stop after so many epochs without lower validation loss (default: %(default)s)",
    )
    add("--batch", type=int, default=64, help="(default: %(default)s)")
    add(
        "--learning-rate",
        type=float,
        default=3e-4,
        help="of the fine-tuning, at its highest (default: %(default)s)",
    )
    add("--label-smoothing", type=float, default=0.05, help="(default: %(default)s)")
    add(
        "--val-fraction",
        type=_fraction,
        default=0.1,
        help="held out for early stopping, by group (default: %(default)s)",
    )
    add(
        "--test-fraction",
        type=_fraction,
        default=0.2,
        help="held out for the figures, by group (default: %(default)s)",
    )
    add(
        "--holdout-source",
        nargs="+",
        metavar="NAME",
        help="hold out from these sources alone (default: from all)",
    )
    add(
        "--split",
        type=Path,
        metavar="FILE.csv",
        help="hold out the groups that an earlier run held out, instead of drawing them",
    )
    add(
        "--source-limit",
        nargs="+",
        type=named_number,
        default=[],
        metavar="NAME=N",
        help="at most N pictures of a source in each epoch, drawn anew",
    )
    add(
        "--exclude",
        type=Path,
        metavar="FILE.csv",
        help="leave out the pictures in its column file: wrong labels found by training.evaluate --report",
    )
    add(
        "--seed",
        type=int,
        default=0,
        help="of the split, the order and the augmentation (default: %(default)s)",
    )
    add("--resume", action="store_true", help="go on with an interrupted training in --out")
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main)
