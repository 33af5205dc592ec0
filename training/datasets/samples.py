"""Labelled faces: reading them from a folder of pictures."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DataError, PictureError
from edge.preprocess import CROP_MARGIN, crop
from edge.types import BoundingBox, Label, Pixels
from training.datasets.boxes import box_fault, reaches_into
from training.datasets.coco import CocoPicture, annotations_of, describe_categories, read_coco
from training.datasets.dropped import Dropped
from training.datasets.folders import LABELS, find_labelled, label_of
from training.datasets.places import check_source, folder_name, place_inside, plain, shown
from training.datasets.tables import Row, all_finite, read_table

MANIFEST = "manifest.csv"
"""File that lists a folder's pictures with their labels."""

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
"""Columns of a manifest: the face in px of the file."""

LANDMARK_COLUMNS = tuple(f"{axis}{point}" for point in range(5) for axis in "xy")
"""Columns of a manifest: `x0`, `y0`, `x1`, ... in px of the file."""


class BoxOutsideError(PictureError):
    """A labelled box lies outside its picture. Other boxes of the picture may be right."""


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
        """The face within the file's pixels, uint8 (H, W, 3). Raises BoxOutsideError."""
        if self.box is not None:
            self._check_box(self.box, pixels)
            return self.box
        height, width = pixels.shape[:2]
        return BoundingBox(0, 0, width, height).pad(-CROP_MARGIN / (1 + 2 * CROP_MARGIN))

    def crop(self, pixels: Pixels) -> Pixels:
        """What the classifier would see on the Pi, before resizing. Raises BoxOutsideError."""
        return pixels if self.box is None else crop(pixels, self.face_box(pixels))

    def _check_box(self, box: BoundingBox, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        corners = (box.xmin, box.ymin, box.xmax, box.ymax)
        if not reaches_into(corners, (width, height)):
            numbers = ", ".join(f"{value:g}" for value in corners)
            raise BoxOutsideError(
                f"{self.file}: the box {numbers} lies outside the picture of {width}x{height} px",
                "correct the box: xmin, ymin, xmax, ymax in px of the picture as it is shown",
            )


def read_samples(folder: Path | str, categories: Mapping[str, Label] | None = None) -> list[Sample]:
    """All samples of a folder. What is left out is counted by cause and said on stderr.

    The folder holds a `manifest.csv`, or scenes with an `annotations.json` (COCO), or one sub-folder per
    label. categories: names of COCO categories that stand for a label, beside the labels' own names. Boxes of
    other categories are left out. Raises DataError if the folder is missing, holds none of the three, names
    an unknown label or a file outside the folder, or if no sample is left.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder", f"give --data a folder with sub-folders {', '.join(LABELS)}"
        )
    if (folder / MANIFEST).exists():
        return _read_manifest(folder)
    if annotations_of(folder):
        return _read_coco(folder, dict(categories or {}))
    own = folder_name(folder)
    return [Sample(file, label, own, plain(f"{own}:{file.stem}")) for file, label in find_labelled(folder)]


def _read_manifest(folder: Path) -> list[Sample]:
    path, dropped = folder / MANIFEST, Dropped()
    rows = read_table(path, ("file", "label"), "write a header with the columns file and label", "manifest")
    found: dict[tuple[Path, BoundingBox | None], tuple[Sample, Row]] = {}
    for row in rows:
        sample = _manifest_sample(folder, row, dropped)
        if sample is None:
            continue
        first, earlier = found.setdefault((sample.file, sample.box), (sample, row))
        if first.label != sample.label:
            raise DataError(
                f"{row.where}: the same face is {first.label} in {earlier.where}", "remove the wrong one"
            )
        if first is not sample:
            dropped.add("faces that are there twice", row.where)
    if not found:
        raise DataError(
            f"{path}: no sample is left" + (f": {dropped}" if dropped.counts else ""), "add lines"
        )
    dropped.report(path)
    return [sample for sample, _ in found.values()]


def _manifest_sample(folder: Path, row: Row, dropped: Dropped) -> Sample | None:
    """The sample of a row; None, and counted, if its box cannot be used. Raises DataError."""
    file = place_inside(folder, row.needed("file"), row.where)
    label = label_of(row.needed("label"))
    if label is None:
        text, cure = shown(row.text("label")), f"use one of {', '.join(LABELS)}"
        raise DataError(f"{row.where}: unknown label {text}", cure)
    corners, points = row.numbers(BOX_COLUMNS), row.numbers(LANDMARK_COLUMNS)
    if corners is not None and (fault := box_fault(corners)):
        dropped.add(fault, row.where)
        return None
    if points is not None and not all_finite(points):
        dropped.add("landmarks that are no numbers (the faces stay)", row.where)
        points = None
    source = check_source(row.text("source") or folder_name(folder), row.where)
    group = row.text("group") or plain(f"{folder_name(folder)}:{file.stem}")
    return Sample(file, label, source, group, BoundingBox(*corners) if corners else None, points)


def _read_coco(folder: Path, names: dict[str, Label]) -> list[Sample]:
    """Boxes whose category is a label or stands for one. Those marked `ignore` or `iscrowd` are left out."""
    pictures, dropped = read_coco(folder)
    known = {str(label): label for label in LABELS} | names
    samples: dict[int, Sample] = {}
    for picture in pictures:
        for one in picture.boxes:
            if one.category not in known:
                dropped.add(f"boxes of the category {shown(one.category)}", picture.file.name)
            elif one.ignored:
                dropped.add("boxes marked ignore or iscrowd", picture.file.name)
            else:
                samples[one.number] = Sample(
                    picture.file, known[one.category], picture.source, picture.group, one.box
                )
    path = annotations_of(folder)
    if not samples:
        raise _no_sample_left(path, pictures, dropped)
    dropped.report(path)
    return [samples[number] for number in sorted(samples)]


def _no_sample_left(path: Path | None, pictures: list[CocoPicture], dropped: Dropped) -> DataError:
    """The error for scenes of which no box can be used."""
    found = [name for name in describe_categories(pictures) if name not in list(LABELS)]
    words = " ".join(shlex.quote(f"{name}=LABEL") for name in found[:5])
    return DataError(
        f"{path}: no box is left" + (f": {dropped}" if dropped.counts else " (it has none)"),
        f"say what its categories mean with `python -m training.prepare --category {words}`, "
        f"where LABEL is one of {', '.join(LABELS)}"
        if found
        else "correct the annotations",
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
