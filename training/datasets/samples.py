"""Labelled pictures: finding them, checking them, and splitting them by group."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DataError
from edge.pictures.files import find_pictures
from edge.preprocess import CROP_MARGIN, crop
from edge.types import BoundingBox, Label, Pixels

LABELS = (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
"""The order of a model's outputs; a model for two classes leaves the last out."""

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
LANDMARK_COLUMNS = tuple(f"{axis}{point}" for point in range(5) for axis in "xy")


@dataclass(frozen=True, slots=True)
class Sample:
    """One face in one picture file.

    source: where it comes from. group: who or what it shows; a group never crosses a split. box: the face in px of the file; None: the
    file is a crop already, with `CROP_MARGIN` around the face. landmarks: (x, y) px of eye, eye, nose, mouth corner, mouth corner, or None.
    """

    file: Path
    label: Label
    source: str
    group: str
    box: BoundingBox | None = None
    landmarks: tuple[float, ...] | None = None

    def face_box(self, pixels: Pixels) -> BoundingBox:
        """The face within the file's pixels, uint8 (H, W, 3)."""
        if self.box is not None:
            return self.box
        height, width = pixels.shape[:2]
        return BoundingBox(0, 0, width, height).pad(-CROP_MARGIN / (1 + 2 * CROP_MARGIN))

    def crop(self, pixels: Pixels) -> Pixels:
        """What the classifier would see of it on the Pi, before resizing."""
        return pixels if self.box is None else crop(pixels, self.box)


def read_samples(folder: Path | str, categories: Mapping[str, Label] | None = None) -> list[Sample]:
    """All samples of a folder: by its `manifest.csv`, its COCO `annotations.json`, or sub-folders named after the labels.

    categories: COCO category names that stand for a label, beside the labels' own names; boxes of any other category are left out.
    Raises DataError where the folder is missing, holds none of the three, or names an unknown label.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; give --data a folder with sub-folders {', '.join(LABELS)}"
        )
    if (folder / "manifest.csv").is_file():
        return _read_manifest(folder)
    if (folder / "annotations.json").is_file():
        return _read_coco(folder, dict(categories or {}))
    return _read_subfolders(folder)


def _read_subfolders(folder: Path) -> list[Sample]:
    present = [label for label in LABELS if (folder / label).is_dir()]
    if not present:
        raise DataError(
            f"{folder}: no manifest.csv, no annotations.json and no sub-folder {', '.join(LABELS)}; sort the pictures into such folders"
        )
    samples = []
    for label in present:
        files = find_pictures(folder / label)
        if not files:
            raise DataError(f"{folder / label}: the class is empty; put pictures there or remove the folder")
        samples += [Sample(file, label, folder.name, f"{folder.name}:{file.stem}") for file in files]
    return samples


def _read_manifest(folder: Path) -> list[Sample]:
    path = folder / "manifest.csv"
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise DataError(f"{path}: needs a header with the columns file and label, and at least one row")
    samples = []
    for number, row in enumerate(rows, start=2):
        try:
            label = Label(row["label"])
        except ValueError:
            raise DataError(
                f"{path}, line {number}: unknown label {row['label']!r}; use {', '.join(LABELS)}"
            ) from None
        box = BoundingBox(*(float(row[name]) for name in BOX_COLUMNS)) if row.get("xmin") else None
        landmarks = tuple(float(row[name]) for name in LANDMARK_COLUMNS) if row.get("x0") else None
        group = row.get("group") or f"{folder.name}:{Path(row['file']).stem}"
        samples.append(
            Sample(folder / row["file"], label, row.get("source") or folder.name, group, box, landmarks)
        )
    return samples


def _read_coco(folder: Path, names: Mapping[str, Label]) -> list[Sample]:
    """Boxes whose category is, or stands for, one of our labels; those marked `ignore` or `iscrowd` are left out."""
    path = folder / "annotations.json"
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        known = {str(label): label for label in LABELS} | names
        categories = {category["id"]: known.get(category["name"]) for category in coco["categories"]}
        images = {image["id"]: image for image in coco["images"]}
        samples = []
        for note in coco["annotations"]:
            label = categories[note["category_id"]]
            if label is None or note.get("ignore") or note.get("iscrowd"):
                continue
            image = images[note["image_id"]]
            x, y, width, height = note["bbox"]
            samples.append(
                Sample(
                    folder / "images" / image["file_name"],
                    label,
                    image.get("source") or folder.name,
                    image.get("group") or f"{folder.name}:{image['file_name']}",
                    BoundingBox(x, y, x + width, y + height),
                )
            )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not COCO annotations ({error!r}); it needs images, annotations with bbox, and categories"
        ) from error
    return samples


def present_labels(samples: Iterable[Sample]) -> tuple[Label, ...]:
    """The classes of the data in output order. Raises DataError for fewer than two."""
    found = {sample.label for sample in samples}
    labels = tuple(label for label in LABELS if label in found)
    if len(labels) < 2:
        raise DataError(
            f"the data hold one class only ({', '.join(labels) or 'none'}); a classifier needs at least two of {', '.join(LABELS)}"
        )
    return labels


def describe(samples: Iterable[Sample]) -> str:
    """Counts per label, for a person."""
    counts = Counter(sample.label for sample in samples)
    return ", ".join(f"{counts[label]} {label}" for label in LABELS if counts[label])
