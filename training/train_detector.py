"""`python -m training.train_detector`: from pictures with face boxes (COCO) to a face detector.

Everything that is needed to use, judge and repeat the run is written into `--out`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

from edge.errors import DataError
from training.arguments import at_least, fraction, input_size, limit, named_number, positive, share
from training.backbones.table import IMAGENET, NO_WEIGHTS
from training.commands import run_command
from training.detector.trunks import LIGHT, PRETRAINED, TRUNKS
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

SPREAD_BATCHES = 12
"""Batches that give the batch norms their statistics, before a training that starts from other weights."""


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.weights and arguments.trunk == LIGHT:
        raise DataError(
            f"--weights goes with --trunk {' or '.join(PRETRAINED)}",
            f"the {LIGHT} trunk begins with random values, or with --start-from",
        )
    check_paths(arguments)
    import cv2
    import keras

    from edge.preprocess import normalise
    from training.backbones.unfold import spread_batch_norms
    from training.datasets.splits import write_split
    from training.detector.augment import Composer
    from training.detector.batches import DetectionBatches
    from training.detector.fit import fit
    from training.detector.losses import Matcher
    from training.detector.network import build_detector
    from training.detector.parts import load_parts
    from training.detector.results import write_results
    from training.detector.shape import shape_for

    out: Path = arguments.out
    first = prepare_folder(out, arguments.resume)
    check_request(arguments)
    keras.utils.set_random_seed(arguments.seed)
    cv2.setNumThreads(1)  # the training needs the cores
    shape = shape_for(*arguments.input)
    parts = load_parts(arguments)
    check_request(arguments, {"scenes": len(parts.scenes), "cut-outs": len(parts.faces)})
    write_split(out / SPLIT, parts.groups)
    print(
        f"train: {len(parts.scenes)} scenes, {len(parts.faces)} cut-out faces, "
        f"{len(parts.backgrounds)} backgrounds\n"
        f"{parts.unreadable} unreadable, {parts.duplicates} near-duplicates of held-out pictures dropped",
        file=sys.stderr,
    )
    composer = Composer(parts.scenes, parts.faces, parts.backgrounds, shape.width, shape.height)
    batches = DetectionBatches(
        composer, Matcher(shape), len(parts.scenes), arguments.batch, arguments.seed, first
    )
    if len(batches) == 0:
        raise DataError(
            f"{len(parts.scenes)} training scenes do not fill one batch of {arguments.batch}",
            "add pictures or lower --batch",
        )
    goes_on = arguments.start_from or arguments.resume
    weights = NO_WEIGHTS if goes_on else str(arguments.weights or IMAGENET)
    model = build_detector(shape, arguments.width, fused=True, trunk=arguments.trunk, weights=weights)
    if arguments.start_from and not arguments.resume:
        start_from(model, arguments.start_from, "with the same --trunk and --width")
        pictures = (normalise(batches[i][0]) for i in range(min(len(batches), SPREAD_BATCHES)))
        spread_batch_norms(model, pictures)
    fit(model, shape, batches, arguments, first)
    figures = write_results(model, shape, parts, arguments)
    shutil.rmtree(out / BACKUP, ignore_errors=True)
    (out / REQUEST).unlink(missing_ok=True)
    part = "test" if "test" in figures else "val"
    print(f"{part} part:\n{json.dumps(figures.get(part), indent=1)}\n\n{out / MODEL}")
    return 0


def _weights(text: str) -> Path:
    """`imagenet`, or a weights file."""
    if text == NO_WEIGHTS:
        raise argparse.ArgumentTypeError(
            "the early blocks of a pretrained trunk are not trained, so they need weights; "
            f"--trunk {LIGHT} is the one that begins with random values"
        )
    return Path(text)


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train_detector", description=__doc__.split("\n\n")[0]
    )
    _add_data_flags(parser)
    _add_network_flags(parser)
    _add_training_flags(parser)
    return parser


def _add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Which pictures are trained on and which are held out."""
    add = parser.add_argument
    add(
        "--data", nargs="+", type=Path, required=True, help="folders with annotations.json (COCO) and images/"
    )
    add("--out", type=Path, required=True, help="folder for the run's model, plots and figures")
    add(
        "--faces",
        nargs="+",
        type=Path,
        default=[],
        help="folders of cut-out faces to paste, best those that training.prepare --landmarks wrote",
    )
    add("--background", nargs="+", type=Path, default=[], help="folders of pictures without people")
    add(
        "--teacher",
        type=Path,
        metavar="YUNET",
        help="face_detection_yunet_*.onnx: finds the faces that nobody labelled",
    )
    add(
        "--test-fraction",
        type=fraction,
        default=0.2,
        help="share of the groups of each source that --split does not name, held out for the figures "
        "(default: %(default)s)",
    )
    add("--split", type=Path, help="split.csv of an earlier run: its held-out groups stay held out")
    add(
        "--exclude",
        type=Path,
        metavar="FILE",
        help="CSV with a column `file`: training pictures to leave out, "
        "such as backgrounds that show a face after all",
    )
    add(
        "--repeat",
        nargs="+",
        type=named_number,
        default=[],
        metavar="SOURCE=N",
        help="take each scene of a source N times in an epoch",
    )


def _add_network_flags(parser: argparse.ArgumentParser) -> None:
    """What is trained, and what it begins with."""
    add = parser.add_argument
    add(
        "--input",
        type=input_size,
        default=(384, 288),
        metavar="WxH",
        help="size of the network's input, multiples of 32 px (default: 384x288)",
    )
    add(
        "--trunk",
        choices=TRUNKS,
        default=LIGHT,
        help=f"what the features come from; {', '.join(PRETRAINED)} has ImageNet weights "
        "(default: %(default)s)",
    )
    add(
        "--weights",
        type=_weights,
        metavar=f"{IMAGENET}|FILE",
        help=f"of --trunk {' or '.join(PRETRAINED)}, without its top (default: {IMAGENET}, fetched by Keras)",
    )
    add(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="go on from the weights of an earlier model.keras or .tflite, of any --input",
    )
    add("--width", type=positive, default=1.0, help="multiplies the channels (default: %(default)s)")


def _add_training_flags(parser: argparse.ArgumentParser) -> None:
    """How it is trained."""
    add = parser.add_argument
    add("--epochs", type=at_least(1), default=150, help="epochs at most (default: %(default)s)")
    add(
        "--minutes",
        type=limit,
        default=math.inf,
        help="minutes of training after which the schedule ends, if the epochs take longer "
        "(default: no limit)",
    )
    add("--batch", type=at_least(1), default=16, help="pictures in a step (default: %(default)s)")
    add(
        "--learning-rate",
        type=positive,
        default=2e-3,
        help="highest learning rate (default: %(default)s)",
    )
    add("--ema", type=share, default=0.999, help="momentum of the averaged weights (default: %(default)s)")
    add(
        "--seed",
        type=at_least(0),
        default=0,
        help="of the split, the order and the augmentation (default: %(default)s)",
    )
    add("--resume", action="store_true", help="go on with an interrupted training in --out")


if __name__ == "__main__":
    run_command(build_parser(), main, kept=what_is_kept)
