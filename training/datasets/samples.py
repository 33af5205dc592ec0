"""Labelled faces: reading them from a folder of pictures."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DataError
from edge.pictures.folders import find_pictures
from edge.preprocess import CROP_MARGIN, crop
from edge.types import BoundingBox, Label, Pixels

LABELS = (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
"""The order of a model's outputs. A model for two classes leaves the last one out."""

MANIFEST = "manifest.csv"
"""File that lists a folder's pictures with their labels."""

ANNOTATIONS = "annotations.json"
"""File that lists a folder's scenes with their boxes, in COCO's form."""

IMAGES = "images"
"""Folder beside ANNOTATIONS that holds the pictures."""

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
"""Columns of a manifest: the face in px of the file."""

LANDMARK_COLUMNS = tuple(f"{axis}{point}" for point in range(5) for axis in "xy")
"""Columns of a manifest: `x0`, `y0`, `x1`, ... in px of the file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One face in one picture file."""

    file: Path
    label: Label
    source: str
    """The data set that it comes from."""
    group: str
    """Who or what it shows. All samples of a group are in the same part of a split."""
    box: BoundingBox | None = None
    """The face in px of the file. None: the file is a crop already, with `CROP_MARGIN` around the face."""
    landmarks: tuple[float, ...] | None = None
    """x, y px of eye, eye, nose, mouth corner and mouth corner; None if unknown."""

    def face_box(self, pixels: Pixels) -> BoundingBox:
        """The face within the file's pixels, uint8 (H, W, 3)."""
        if self.box is not None:
            return self.box
        height, width = pixels.shape[:2]
        return BoundingBox(0, 0, width, height).pad(-CROP_MARGIN / (1 + 2 * CROP_MARGIN))

    def crop(self, pixels: Pixels) -> Pixels:
        """What the classifier would see on the Pi, before resizing."""
        return pixels if self.box is None else crop(pixels, self.box)


def read_samples(folder: Path | str, categories: Mapping[str, Label] | None = None) -> list[Sample]:
    """All samples of a folder.

    The folder holds a `manifest.csv`, or scenes with an `annotations.json` (COCO), or one sub-folder per
    label. categories: names of COCO categories that stand for a label, beside the labels' own names. Boxes of
    other categories are left out. Raises DataError if the folder is missing, holds none of the three, or
    names an unknown label.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder", f"give --data a folder with sub-folders {', '.join(LABELS)}"
        )
    if (folder / MANIFEST).is_file():
        return _read_manifest(folder)
    if (folder / ANNOTATIONS).is_file():
        return _read_coco(folder, dict(categories or {}))
    return _read_subfolders(folder)


def _read_subfolders(folder: Path) -> list[Sample]:
    present = [label for label in LABELS if (folder / label).is_dir()]
    if not present:
        raise DataError(
            f"{folder}: no {MANIFEST}, no {ANNOTATIONS} and no sub-folder {', '.join(LABELS)}",
            "sort the pictures into such sub-folders",
        )
    samples = []
    for label in present:
        files = find_pictures(folder / label)
        if not files:
            raise DataError(
                f"{folder / label}: the class is empty", "put pictures there or remove the folder"
            )
        samples += [Sample(file, label, folder.name, f"{folder.name}:{file.stem}") for file in files]
    return samples


def _read_manifest(folder: Path) -> list[Sample]:
    path = folder / MANIFEST
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise DataError(f"{path}: needs a header with the columns file and label, and at least one row")
    return [
        _manifest_sample(folder, row, f"{path}, line {number}") for number, row in enumerate(rows, start=2)
    ]


def _manifest_sample(folder: Path, row: Mapping[str, str], where: str) -> Sample:
    try:
        label = Label(row["label"])
    except ValueError:
        raise DataError(
            f"{where}: unknown label {row['label']!r}", f"use one of {', '.join(LABELS)}"
        ) from None
    box = BoundingBox(*(float(row[name]) for name in BOX_COLUMNS)) if row.get("xmin") else None
    landmarks = tuple(float(row[name]) for name in LANDMARK_COLUMNS) if row.get("x0") else None
    group = row.get("group") or f"{folder.name}:{Path(row['file']).stem}"
    return Sample(folder / row["file"], label, row.get("source") or folder.name, group, box, landmarks)


def _read_coco(folder: Path, names: dict[str, Label]) -> list[Sample]:
    """Boxes whose category is a label or stands for one. Those marked `ignore` or `iscrowd` are left out."""
    path = folder / ANNOTATIONS
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        known = {str(label): label for label in LABELS} | names
        categories = {category["id"]: known.get(category["name"]) for category in coco["categories"]}
        images = {image["id"]: image for image in coco["images"]}
        samples = []
        for note in coco["annotations"]:
            label = categories[note["category_id"]]
            if label is not None and not (note.get("ignore") or note.get("iscrowd")):
                samples.append(_coco_sample(folder, images[note["image_id"]], note["bbox"], label))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not COCO annotations ({error!r})",
            "it needs images, annotations with bbox, and categories",
        ) from error
    return samples


def _coco_sample(folder: Path, image: Mapping[str, str], bbox: list[float], label: Label) -> Sample:
    """One face of a scene. bbox: COCO's x, y, width, height px."""
    x, y, width, height = bbox
    return Sample(
        folder / IMAGES / image["file_name"],
        label,
        image.get("source") or folder.name,
        image.get("group") or f"{folder.name}:{image['file_name']}",
        BoundingBox(x, y, x + width, y + height),
    )


def present_labels(samples: Iterable[Sample]) -> tuple[Label, ...]:
    """The classes of the samples in output order. Raises DataError for fewer than two."""
    found = {sample.label for sample in samples}
    labels = tuple(label for label in LABELS if label in found)
    if len(labels) < 2:
        raise DataError(
            f"the data hold one class only ({', '.join(labels) or 'none'})",
            f"a classifier needs at least two of {', '.join(LABELS)}",
        )
    return labels


def describe(samples: Iterable[Sample]) -> str:
    """The number of samples of each label, for a person."""
    counts = Counter(sample.label for sample in samples)
    return ", ".join(f"{counts[label]} {label}" for label in LABELS if counts[label])
