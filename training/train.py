"""`python -m training.train`: from a folder of labelled faces to a mask classifier.

First it trains a new head on a frozen backbone with ImageNet weights, then both together at a small learning
rate. The batch norms stay frozen. Everything that is needed to use, judge and repeat the run is written into
`--out`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from edge.errors import DataError
from training.arguments import at_least, fraction, named_number, positive, share
from training.backbones.table import BACKBONES, DEFAULT, IMAGENET, NO_WEIGHTS
from training.commands import run_command
from training.paths import check_paths
from training.runs import (
    BACKUP,
    MODEL,
    REQUEST,
    SPLIT,
    check_request,
    prepare_folder,
    start_from,
    what_is_kept,
)


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    check_paths(arguments)
    import keras

    from training.classifier.balance import balance
    from training.classifier.batches import TrainingBatches
    from training.classifier.fit import fine_tune, fit_head
    from training.classifier.metrics import text_report
    from training.classifier.network import build_classifier
    from training.classifier.parts import load_parts
    from training.classifier.results import write_config, write_results
    from training.datasets.samples import describe
    from training.datasets.splits import PARTS, write_split

    out: Path = arguments.out
    epoch = prepare_folder(out, arguments.resume)
    check_request(arguments)
    keras.utils.set_random_seed(arguments.seed)
    parts = load_parts(arguments)
    counts = {part: len(getattr(parts, part)) for part in PARTS}
    check_request(arguments, {"labels": list(parts.labels), "pictures": counts})
    write_split(out / SPLIT, parts.groups)
    for part in PARTS:
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
            f"{len(parts.train)} training pictures do not fill one batch of {arguments.batch}",
            "add pictures or lower --batch",
        )
    weights = NO_WEIGHTS if arguments.start_from else arguments.weights
    model = build_classifier(
        arguments.size, arguments.alpha, len(parts.labels), weights, backbone=arguments.backbone
    )
    if arguments.start_from:
        start_from(model, arguments.start_from, "with the same --alpha and classes")
    elif not arguments.resume:
        fit_head(model, batches, arguments.head_epochs)
    history = fine_tune(model, parts, arguments, batches) if arguments.epochs else {}
    lowered_by = balance(model, parts.val, parts.labels, arguments.size, arguments.seed)
    write_config(parts, arguments, lowered_by)
    print(
        f"with_mask's logit lowered by {lowered_by:g}, the best for the validation part: "
        "the higher, the more doubtful faces count as without a mask; 0 changes nothing",
        file=sys.stderr,
    )
    figures = write_results(model, parts, history, arguments)
    shutil.rmtree(out / BACKUP, ignore_errors=True)
    (out / REQUEST).unlink(missing_ok=True)
    part = "test" if "test" in figures else "val"
    print(f"{part} part:\n{text_report(figures[part])}\n\n{out / MODEL}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n\n")[0])
    _add_data_flags(parser)
    _add_network_flags(parser)
    _add_training_flags(parser)
    return parser


def _add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Which pictures are trained on and which are held out."""
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
        "--val-fraction",
        type=fraction,
        default=0.1,
        help="share of the groups held out for early stopping (default: %(default)s)",
    )
    add(
        "--test-fraction",
        type=fraction,
        default=0.2,
        help="share of the groups held out for the figures (default: %(default)s)",
    )
    add(
        "--holdout-source",
        nargs="+",
        metavar="NAME",
        help="hold out pictures of these sources only (default: of all)",
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
        help="at most N pictures of a source in an epoch, chosen at random each time",
    )
    add(
        "--exclude",
        type=Path,
        metavar="FILE.csv",
        help="leave out the training pictures in its column `file`, "
        "such as wrong labels found by training.evaluate --report",
    )


def _add_network_flags(parser: argparse.ArgumentParser) -> None:
    """What is trained, and what it begins with."""
    add = parser.add_argument
    default = BACKBONES[DEFAULT]
    add(
        "--backbone",
        choices=tuple(BACKBONES),
        default=DEFAULT,
        help="network that the model begins with (default: %(default)s)",
    )
    add(
        "--size",
        type=int,
        default=128,
        choices=default.sizes,
        help="side of the input, px (default: %(default)s)",
    )
    add(
        "--alpha",
        type=positive,
        default=1.0,
        help=f"width multiplier of the backbone; {default.title} has ImageNet weights for "
        f"{' '.join(map(str, default.alphas))} (default: %(default)s)",
    )
    add(
        "--weights",
        default=IMAGENET,
        metavar=f"{IMAGENET}|FILE|{NO_WEIGHTS}",
        help="what the backbone begins with (default: %(default)s)",
    )
    add(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="go on from an earlier model.keras or .tflite, of any --size, instead of fitting a new head",
    )
    add(
        "--frozen-blocks",
        type=int,
        default=default.frozen_blocks,
        choices=range(1, default.blocks + 1),
        metavar=f"1..{default.blocks}",
        help="first blocks of the backbone that keep their weights (default: %(default)s)",
    )


def _add_training_flags(parser: argparse.ArgumentParser) -> None:
    """How it is trained."""
    add = parser.add_argument
    add(
        "--epochs",
        type=at_least(0),
        default=12,
        help="epochs at most; 0 only balances and judges the model (default: %(default)s)",
    )
    add(
        "--head-epochs",
        type=at_least(0),
        default=15,
        help="epochs of the head only, on stored features (default: %(default)s)",
    )
    add(
        "--patience",
        type=at_least(0),
        default=5,
        help="in the second half, stop after this many epochs without a lower validation loss "
        "(default: %(default)s)",
    )
    add("--batch", type=at_least(1), default=64, help="pictures in a step (default: %(default)s)")
    add(
        "--learning-rate",
        type=positive,
        default=3e-4,
        help="highest learning rate of the second phase (default: %(default)s)",
    )
    add(
        "--label-smoothing",
        type=share,
        default=0.05,
        help="share of the truth that is spread over all classes (default: %(default)s)",
    )
    add(
        "--seed",
        type=at_least(0),
        default=0,
        help="of the split, the order and the augmentation (default: %(default)s)",
    )
    add("--resume", action="store_true", help="go on with an interrupted training in --out")


if __name__ == "__main__":
    run_command(build_parser(), main, kept=what_is_kept)
