"""`python -m training.prepare`: pack labelled pictures into one small folder of face crops with room around them.

From scenes (COCO) it cuts every face with context, so that training can jitter the crop as a detector would; pictures that are crops
already are copied. With `--landmarks` it also finds eyes, nose and mouth, which drawn-mask augmentation needs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.errors import DataError
from edge.preprocess import CROP_MARGIN
from edge.types import Label
from training.commands import run_command
from training.datasets.face_crops import LandmarkFinder, prepare
from training.datasets.samples import LABELS, describe, read_samples


def _category(text: str) -> tuple[str, Label]:
    name, _, label = text.partition("=")
    if not name or label not in LABELS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=LABEL, where LABEL is one of {', '.join(LABELS)}"
        )
    return name, Label(label)


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        help="folders: COCO scenes, a manifest.csv, or one sub-folder per label",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist yet")
    parser.add_argument(
        "--landmarks",
        type=Path,
        metavar="YUNET",
        help="face_detection_yunet_*.onnx: also write eyes, nose and mouth",
    )
    parser.add_argument(
        "--exclude-source", nargs="*", default=[], metavar="NAME", help="leave these sources out"
    )
    parser.add_argument(
        "--category",
        nargs="+",
        type=_category,
        default=[],
        metavar="NAME=LABEL",
        help="COCO boxes of this category are of that label, such as face=without_mask",
    )
    parser.add_argument(
        "--min-face",
        type=float,
        default=16,
        metavar="PX",
        help="leave smaller faces out (default: %(default)s)",
    )
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.out.exists():
        raise DataError(f"{arguments.out}: exists already; remove it or choose another --out")
    categories = dict(arguments.category)
    samples = [
        sample
        for folder in arguments.data
        for sample in read_samples(folder, categories)
        if sample.source not in arguments.exclude_source
    ]
    finder = LandmarkFinder(arguments.landmarks) if arguments.landmarks else None
    arguments.out.mkdir(parents=True)
    unreadable = prepare(samples, arguments.out, finder, arguments.min_face)
    for line in unreadable:
        print(f"skipped: {line}")
    written = read_samples(arguments.out)
    print(
        f"{arguments.out}: {describe(written)}; {len(unreadable)} unreadable; {sum(s.landmarks is not None for s in written)} with landmarks"
    )
    print(f"crop margin for training and the Pi: {CROP_MARGIN}")
    return 0


if __name__ == "__main__":
    run_command(build_parser(), main)
