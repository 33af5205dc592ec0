"""`python -m training.prepare`: pack labelled pictures into one small folder of face crops with room around them.

From scenes (COCO) it cuts every face with context, so that training can jitter the crop as a detector would; pictures that are crops
already are copied. With `--landmarks` it also finds eyes, nose and mouth, which drawn-mask augmentation needs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.optional import import_cv2
from edge.pictures.files import read_picture, write_picture
from edge.preprocess import CROP_MARGIN, resize
from edge.types import BoundingBox, Label, Pixels
from training.commands import run_command
from training.datasets.samples import BOX_COLUMNS, LABELS, LANDMARK_COLUMNS, Sample, describe, read_samples

CONTEXT = 0.45
"""Room kept around a face, as a part of its size: the crop margin and as much again for jitter."""

LONG_SIDE = 288
"""Pictures larger than this are shrunk: the largest model reads 224 px of a crop."""


class LandmarkFinder:
    """Eyes, nose and mouth corners by OpenCV's YuNet (Wu et al. 2023), whose file is in OpenCV's model zoo (MIT licence)."""

    def __init__(self, model: Path) -> None:
        cv2 = import_cv2()
        if not model.is_file():
            raise DataError(
                f"{model}: no such file; get face_detection_yunet from OpenCV's model zoo, or leave --landmarks out"
            )
        self._net = cv2.FaceDetectorYN.create(str(model), "", (160, 160), 0.6, 0.3, 50)

    def __call__(self, pixels: Pixels, box: BoundingBox) -> npt.NDArray[np.float32] | None:
        """(5, 2) float32 px in `pixels`, uint8 (H, W, 3) RGB, for the face that covers the box, or None."""
        scale = 120 / max(box.width, box.height, 1)  # the size of face that YuNet knows best
        small = resize(pixels, max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale)))
        pad = 40
        framed = np.pad(small[..., ::-1], ((pad, pad), (pad, pad), (0, 0)), mode="edge")
        self._net.setInputSize((framed.shape[1], framed.shape[0]))
        _, faces = self._net.detect(np.ascontiguousarray(framed))
        best, best_iou = None, 0.4
        for face in faces if faces is not None else ():
            x, y, width, height = (face[:4] - (pad, pad, 0, 0)) / scale
            iou = BoundingBox(x, y, x + width, y + height).iou(box)
            if iou > best_iou:
                best, best_iou = (face[4:14].reshape(5, 2) - pad) / scale, iou
        return best


def cut(sample: Sample, pixels: Pixels) -> tuple[Pixels, BoundingBox]:
    """The face with CONTEXT around it, at most LONG_SIDE long, and its box in there."""
    box = sample.face_box(pixels)
    outer = box.pad(CONTEXT).clip(pixels.shape[1], pixels.shape[0])
    x, y = int(outer.xmin), int(outer.ymin)
    part = pixels[y : max(round(outer.ymax), y + 1), x : max(round(outer.xmax), x + 1)]
    scale = min(1.0, LONG_SIDE / max(part.shape[:2]))
    part = resize(part, max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    moved = BoundingBox(box.xmin - x, box.ymin - y, box.xmax - x, box.ymax - y).scale(scale, scale)
    return part, moved


def prepare(
    samples: Sequence[Sample], out: Path, finder: LandmarkFinder | None, min_face: float
) -> list[str]:
    """Write the crops and `manifest.csv` into `out`; returns one line for each unreadable file."""
    unreadable: dict[Path, str] = {}
    rows = []
    last: tuple[Path, Pixels] | None = None
    for sample in tqdm(samples, desc="cutting faces", unit="face", mininterval=1):
        if sample.file in unreadable:
            continue
        try:
            if last is None or last[0] != sample.file:  # the faces of one scene come one after the other
                last = (sample.file, read_picture(sample.file))
        except PictureError as error:
            unreadable[sample.file] = str(error)
            continue
        box = sample.face_box(last[1])
        if min(box.width, box.height) < min_face:
            continue
        part, box = cut(sample, last[1])
        key = hashlib.sha1(f"{sample.file}{sample.box}".encode()).hexdigest()[:16]
        name = f"{sample.label}/{sample.source}_{key}.jpg"
        write_picture(out / name, part)
        marks = finder(part, box) if finder else None
        numbers = [f"{value:.1f}" for value in (box.xmin, box.ymin, box.xmax, box.ymax)]
        points = [""] * 10 if marks is None else [f"{value:.1f}" for value in marks.ravel()]
        rows.append([name, sample.label, sample.source, sample.group, *numbers, *points])
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("file", "label", "source", "group", *BOX_COLUMNS, *LANDMARK_COLUMNS))
        writer.writerows(rows)
    return list(unreadable.values())


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
