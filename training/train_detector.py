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

import cv2
import keras

from edge.errors import DataError
from edge.preprocess import normalise
from training.arguments import input_size, named_number
from training.backbones.unfold import spread_batch_norms
from training.commands import run_command
from training.datasets.splits import write_split
from training.detector.augment import Composer
from training.detector.batches import DetectionBatches
from training.detector.fit import fit
from training.detector.losses import Matcher
from training.detector.network import LIGHT, TRUNKS, build_detector
from training.detector.parts import load_parts
from training.detector.results import write_results
from training.detector.shape import shape_for
from training.runs import BACKUP, prepare_folder, start_from

SPREAD_BATCHES = 12
"""How many batches the statistics of the batch norms are taken from before a training that starts from other weights."""


def main(arguments: argparse.Namespace) -> int:
    """Train; print the figures of the part that no choice was made on."""
    if arguments.weights and arguments.trunk == LIGHT:
        raise DataError(
            "--weights goes with --trunk mobilenet_v2; the light trunk begins with random values, or with --start-from"
        )
    first = prepare_folder(arguments.out, arguments.resume)
    keras.utils.set_random_seed(arguments.seed)
    cv2.setNumThreads(1)  # the training needs the cores
    shape = shape_for(*arguments.input)
    parts = load_parts(arguments)
    write_split(arguments.out / "split.csv", parts.groups)
    print(
        f"train: {len(parts.scenes)} scenes, {len(parts.faces)} cut-out faces, {len(parts.backgrounds)} backgrounds",
        file=sys.stderr,
    )
    print(
        f"{parts.unreadable} unreadable, {parts.duplicates} near-duplicates of held-out pictures dropped",
        file=sys.stderr,
    )
    composer = Composer(parts.scenes, parts.faces, parts.backgrounds, shape.width, shape.height)
    batches = DetectionBatches(
        composer, Matcher(shape), len(parts.scenes), arguments.batch, arguments.seed, first
    )
    if len(batches) == 0:
        raise DataError(
            f"{len(parts.scenes)} training scenes do not fill one batch of {arguments.batch}; add pictures or lower --batch"
        )
    weights = "none" if arguments.start_from or arguments.resume else str(arguments.weights or "imagenet")
    model = build_detector(shape, arguments.width, fused=True, trunk=arguments.trunk, weights=weights)
    if arguments.start_from and not arguments.resume:
        start_from(model, arguments.start_from, "of the same --trunk and --width")
        spread_batch_norms(
            model, (normalise(batches[i][0]) for i in range(min(len(batches), SPREAD_BATCHES)))
        )
    fit(model, shape, batches, arguments, first)
    figures = write_results(model, shape, parts, arguments)
    shutil.rmtree(arguments.out / BACKUP, ignore_errors=True)
    part = "test" if "test" in figures else "val"
    print(f"{part} part:\n{json.dumps(figures.get(part), indent=1)}\n\n{arguments.out / 'model.keras'}")
    return 0


def _weights(text: str) -> Path:
    if text == "none":
        raise argparse.ArgumentTypeError(
            "mobilenet_v2's early blocks are not trained; --trunk light is the one that begins with random values"
        )
    return Path(text)


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train_detector", description=__doc__.split("\n\n")[0]
    )
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
    add("--split", type=Path, help="split.csv of another run, whose held-out groups stay held out")
    add(
        "--input",
        type=input_size,
        default=(384, 288),
        metavar="WxH",
        help="of the network, multiples of 32 px (default: 384x288)",
    )
    add(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="go on from the weights of an earlier model.keras or .tflite, of any --input",
    )
    add(
        "--exclude",
        type=Path,
        metavar="FILE",
        help="CSV with a column `file`: training pictures to leave out, such as backgrounds that show a face after all",
    )
    add(
        "--repeat",
        nargs="+",
        type=named_number,
        default=[],
        metavar="SOURCE=N",
        help="take the scenes of a source N times an epoch",
    )
    add(
        "--trunk",
        choices=TRUNKS,
        default=LIGHT,
        help="what the features come from; mobilenet_v2 knows ImageNet (default: %(default)s)",
    )
    add(
        "--weights",
        type=_weights,
        metavar="imagenet|FILE",
        help="of --trunk mobilenet_v2, without its top (default: imagenet, fetched by Keras)",
    )
    add("--width", type=float, default=1.0, help="multiplies the network's channels (default: %(default)s)")
    add("--epochs", type=int, default=150, help="(default: %(default)s)")
    add(
        "--minutes",
        type=float,
        default=math.inf,
        help="end the schedule after so much training time if the epochs take longer (default: no limit)",
    )
    add("--batch", type=int, default=16, help="(default: %(default)s)")
    add("--learning-rate", type=float, default=2e-3, help="at its highest (default: %(default)s)")
    add("--ema", type=float, default=0.999, help="momentum of the averaged weights (default: %(default)s)")
    add(
        "--test-fraction",
        type=float,
        default=0.2,
        help="held out of each source that --split does not name, by group (default: %(default)s)",
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
