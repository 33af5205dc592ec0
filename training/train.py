"""`python -m training.train`: from a folder of labelled faces to a mask classifier.

First the new head on a frozen MobileNetV2, then all of it at a small learning rate with the batch norms frozen. Everything that is needed to
use, judge and repeat the run is written into `--out`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import keras

from edge.errors import DataError
from training.arguments import named_number
from training.classifier.balance import balance
from training.classifier.batches import TrainingBatches
from training.classifier.fit import fine_tune, fit_head
from training.classifier.metrics import text_report
from training.classifier.network import build_classifier
from training.classifier.parts import load_parts
from training.classifier.results import write_config, write_results
from training.commands import run_command
from training.datasets.samples import describe
from training.datasets.splits import write_split
from training.runs import BACKUP, prepare_folder, start_from


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
