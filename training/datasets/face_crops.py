"""Cuts faces out of pictures with room around them, and packs them into one small folder."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import PictureError
from edge.pictures.files import read_picture, write_picture
from edge.preprocess import resize
from edge.types import BoundingBox, Pixels
from training.datasets.dropped import Dropped
from training.datasets.places import file_part
from training.datasets.samples import BOX_COLUMNS, LANDMARK_COLUMNS, MANIFEST, BoxOutsideError, Sample
from training.datasets.yunet import YuNet, open_yunet

CONTEXT = 0.45
"""Room kept around a face, as a part of its size: the crop margin, and the same again for jitter."""

LONG_SIDE = 288
"""Longer side of a packed picture at most, px. The largest model reads 224 px of a crop."""

YUNET_FACE = 120
"""The size of face that YuNet finds best, px."""

SAME_FACE = 0.4
"""IoU above which YuNet's face is the one that was asked for."""

Landmarks = npt.NDArray[np.float32]
"""(5, 2) px: eye, eye, nose, mouth corner, mouth corner."""

FindLandmarks = Callable[[Pixels, BoundingBox], "Landmarks | None"]
"""The landmarks of the face in a box, in px of the picture, uint8 (H, W, 3) RGB; None if it is not found."""


def open_landmark_finder(model: Path) -> FindLandmarks:
    """Landmarks by YuNet. Raises DataError if its file is missing."""
    yunet = open_yunet(model, "--landmarks", min_score=0.6, margin=40, candidates=50)
    return lambda pixels, box: find_landmarks(yunet, pixels, box)


def find_landmarks(yunet: YuNet, pixels: Pixels, box: BoundingBox) -> Landmarks | None:
    """The landmarks of YuNet's face that overlaps a box most; None if no face overlaps it enough."""
    best, best_iou = None, SAME_FACE
    for face in yunet.find(pixels, YUNET_FACE / max(box.width, box.height, 1)):
        x, y, width, height = face[:4]
        iou = BoundingBox(x, y, x + width, y + height).iou(box)
        if iou > best_iou:
            best, best_iou = face[4:14].reshape(5, 2), iou
    return best


def cut_face(sample: Sample, pixels: Pixels) -> tuple[Pixels, BoundingBox]:
    """The face with CONTEXT around it, its longer side at most LONG_SIDE, and the face's box in there."""
    box = sample.face_box(pixels)
    outer = box.pad(CONTEXT).clip(pixels.shape[1], pixels.shape[0])
    x, y = int(outer.xmin), int(outer.ymin)
    part = pixels[y : max(round(outer.ymax), y + 1), x : max(round(outer.xmax), x + 1)]
    scale = min(1.0, LONG_SIDE / max(part.shape[:2]))
    part = resize(part, max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    moved = BoundingBox(box.xmin - x, box.ymin - y, box.xmax - x, box.ymax - y).scale(scale, scale)
    return part, moved


def pack_faces(
    samples: Sequence[Sample], out: Path, find: FindLandmarks | None, min_face: float
) -> list[str]:
    """Write the crops and their manifest into `out`, with a progress bar.

    find: adds landmarks. min_face: faces with a shorter side below it, px, are left out, and counted on
    stderr. Returns one line for each unreadable file and each box outside its picture.
    """
    unreadable: dict[Path, str] = {}
    outside: list[str] = []
    rows, dropped = [], Dropped()
    last: tuple[Path, Pixels] | None = None
    for sample in tqdm(samples, desc="cutting faces", unit="face", mininterval=1):
        if sample.file in unreadable:
            continue
        try:
            if last is None or last[0] != sample.file:  # the faces of one scene come one after the other
                last = (sample.file, read_picture(sample.file))
            box = sample.face_box(last[1])
        except BoxOutsideError as error:
            outside.append(str(error))
            continue
        except PictureError as error:
            unreadable[sample.file] = str(error)
            continue
        if min(box.width, box.height) >= min_face:
            rows.append(_pack_face(sample, last[1], out, find))
        else:
            dropped.add(f"faces smaller than {min_face:g} px", str(sample.file))
    _write_manifest(out, rows)
    dropped.report("these faces")
    return [*unreadable.values(), *outside]


def _pack_face(sample: Sample, pixels: Pixels, out: Path, find: FindLandmarks | None) -> list[str]:
    """Write one crop; returns its row of the manifest."""
    part, box = cut_face(sample, pixels)
    key = hashlib.sha1(f"{sample.file}{sample.box}".encode(errors="surrogateescape")).hexdigest()[:16]
    name = f"{sample.label}/{file_part(sample.source)}_{key}.jpg"
    write_picture(out / name, part)
    marks = find(part, box) if find else None
    numbers = [f"{value:.1f}" for value in (box.xmin, box.ymin, box.xmax, box.ymax)]
    points = [""] * 10 if marks is None else [f"{value:.1f}" for value in marks.ravel()]
    return [name, sample.label, sample.source, sample.group, *numbers, *points]


def _write_manifest(out: Path, rows: Sequence[Sequence[str]]) -> None:
    with (out / MANIFEST).open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("file", "label", "source", "group", *BOX_COLUMNS, *LANDMARK_COLUMNS))
        writer.writerows(rows)
