"""Face crops with room around them, packed into one small folder."""

from __future__ import annotations

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
from edge.preprocess import resize
from edge.types import BoundingBox, Pixels
from training.datasets.samples import BOX_COLUMNS, LANDMARK_COLUMNS, Sample

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
