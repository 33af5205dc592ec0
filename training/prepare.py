"""`python -m training.prepare`: packs labelled pictures into one small folder of face crops.

Out of scenes (COCO) it cuts every face with room around it, so that training can shift and resize the crop as
a detector would. Pictures that are crops already are copied. With `--landmarks` it also finds eyes, nose and
mouth: the training needs them to draw masks on bare faces.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge.errors import DataError
from edge.preprocess import CROP_MARGIN
from edge.types import Label
from training.arguments import not_negative
from training.commands import run_command
from training.datasets.face_crops import FindLandmarks, open_landmark_finder, pack_faces
from training.datasets.folders import LABELS
from training.datasets.samples import Sample, describe, read_samples
from training.paths import check_paths


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    out: Path = arguments.out
    if out.exists() or out.is_symlink():
        raise DataError(f"{out}: exists already", "remove it or choose another --out")
    check_paths(arguments)
    categories = dict(arguments.category)
    samples = [
        sample
        for folder in arguments.data
        for sample in read_samples(folder, categories)
        if sample.source not in arguments.exclude_source
    ]
    find = open_landmark_finder(arguments.landmarks) if arguments.landmarks else None
    unreadable = _pack(samples, arguments, find)
    written = read_samples(out)
    marked = sum(sample.landmarks is not None for sample in written)
    print(
        f"{out}: {describe(written)}; {len(unreadable)} unreadable or outside; {marked} with landmarks\n"
        f"crop margin for training and the Pi: {CROP_MARGIN}"
    )
    return 0


def _pack(samples: Sequence[Sample], arguments: argparse.Namespace, find: FindLandmarks | None) -> list[str]:
    """Write `--out`, whole or not at all: it grows under another name.

    Returns one line for each unreadable file. Raises DataError if no face is left.
    """
    out: Path = arguments.out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name:
        growing = Path(name) / out.name
        growing.mkdir()
        unreadable = pack_faces(samples, growing, find, arguments.min_face)
        for line in unreadable:
            print(f"skipped: {line}")
        if not any(growing.glob("*/*")):
            raise DataError(
                f"{', '.join(map(str, arguments.data))}: no sample is left of {len(samples)}: "
                f"{len(unreadable)} unreadable or outside, the others smaller than {arguments.min_face:g} px",
                "check --data, --min-face and --exclude-source",
            )
        growing.rename(out)
    return unreadable


def _category(text: str) -> tuple[str, Label]:
    """`NAME=LABEL` as (name, label)."""
    name, _, label = text.partition("=")
    if not name or label not in LABELS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=LABEL, where LABEL is one of {', '.join(LABELS)}"
        )
    return name, Label(label)


def build_parser() -> argparse.ArgumentParser:
    """All flags."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        help="folders: COCO scenes, a manifest.csv, or one sub-folder per label",
    )
    add("--out", type=Path, required=True, help="folder to write; must not exist yet")
    add(
        "--landmarks",
        type=Path,
        metavar="YUNET",
        help="face_detection_yunet_*.onnx: also find eyes, nose and mouth",
    )
    add("--exclude-source", nargs="*", default=[], metavar="NAME", help="leave these sources out")
    add(
        "--category",
        nargs="+",
        type=_category,
        default=[],
        metavar="NAME=LABEL",
        help="COCO boxes of this category have that label, such as face=without_mask",
    )
    add(
        "--min-face",
        type=not_negative,
        default=16,
        metavar="PX",
        help="leave out faces whose shorter side is smaller, px (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    run_command(build_parser(), main, kept=lambda arguments: "nothing is kept: begin again")
