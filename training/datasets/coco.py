"""Reads scenes with boxes in COCO's form. What cannot be used is left out, counted by cause, and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.errors import DataError
from edge.types import BoundingBox
from training.datasets.boxes import box_fault
from training.datasets.dropped import Dropped
from training.datasets.jsonfiles import read_json
from training.datasets.places import check_source, folder_name, place_inside, plain

ANNOTATIONS = "annotations.json"
"""File that lists a folder's scenes with their boxes, in COCO's form."""

OTHER_NAMES = ("_annotations.coco.json",)
"""What else such a file is called: Roboflow writes it beside the pictures."""

IMAGES = "images"
"""Folder beside ANNOTATIONS that holds the pictures; without it they lie beside ANNOTATIONS."""

CURE = "it needs images, annotations with bbox, and categories"


@dataclass(frozen=True, slots=True)
class CocoBox:
    """One annotation."""

    box: BoundingBox
    """px of the picture."""
    category: str
    ignored: bool
    """Marked `ignore` or `iscrowd`: it counts neither way."""
    number: int = field(compare=False)
    """Its place in the file, from 1."""


@dataclass(frozen=True, slots=True)
class CocoPicture:
    """One picture of a folder with its usable annotations."""

    file: Path
    source: str
    group: str
    size: tuple[float, float] | None
    """(width, height) px, as the file says; None where it does not."""
    boxes: dict[CocoBox, None] = field(default_factory=dict)
    """The boxes in their order, each once, as keys; the values say nothing."""


def annotations_of(folder: Path) -> Path | None:
    """The annotation file of a folder; None if it has none."""
    return next((folder / name for name in (ANNOTATIONS, *OTHER_NAMES) if (folder / name).is_file()), None)


def read_coco(folder: Path) -> tuple[list[CocoPicture], Dropped]:
    """All pictures that a folder's annotation file lists, and what is left out of it.

    Raises DataError if the file is missing, or is not of COCO's form, or lists no usable picture, and for
    the name of a picture that leads out of the folder.
    """
    path = annotations_of(folder) or folder / ANNOTATIONS
    coco = read_json(path, f"give a folder with {ANNOTATIONS} (COCO) and {IMAGES}/")
    for key in ("images", "annotations", "categories"):
        if not isinstance(coco, dict) or not isinstance(coco.get(key), list):
            raise DataError(f"{path}: not COCO annotations (no list named {key})", CURE)
    dropped = Dropped()
    pictures = _pictures(path, coco["images"], dropped)
    if coco["images"] and not pictures:
        raise DataError(f"{path}: it lists no usable picture: {dropped}", CURE)
    categories = _categories(coco["categories"], dropped)
    for number, note in enumerate(coco["annotations"], start=1):
        _take_annotation(note, number, pictures, categories, dropped)
    return list({id(picture): picture for picture in pictures.values()}.values()), dropped


def _categories(entries: list[Any], dropped: Dropped) -> dict[object, str]:
    """Number of a category -> its name."""
    names: dict[object, str] = {}
    for number, entry in enumerate(entries, start=1):
        key, name = (entry.get("id"), entry.get("name")) if isinstance(entry, Mapping) else (None, None)
        if not _is_key(key) or not isinstance(name, str) or not name.strip():
            dropped.add("categories without id or name", f"category {number}")
        elif key in names:
            dropped.add("categories with the id of another", f"category {number}")
        else:
            names[key] = name.strip()
    return names


def _pictures(path: Path, entries: list[Any], dropped: Dropped) -> dict[object, CocoPicture]:
    """Number of a picture -> the picture. A file that is listed twice is one picture of two numbers."""
    pictures: dict[object, CocoPicture] = {}
    by_file: dict[Path, CocoPicture] = {}
    for number, entry in enumerate(entries, start=1):
        key, name = (entry.get("id"), entry.get("file_name")) if isinstance(entry, Mapping) else (None, None)
        if not _is_key(key) or not isinstance(name, str):
            dropped.add("pictures without id or file_name", f"image {number}")
        elif key in pictures:
            dropped.add("pictures with the id of another", f"image {number}")
        else:
            picture = _picture(path, entry, name, f"{path}, image {number}")
            pictures[key] = by_file.setdefault(picture.file, picture)
    return pictures


def _picture(path: Path, entry: Mapping[str, Any], name: str, where: str) -> CocoPicture:
    """One entry of a picture. Raises DataError for a path that leads out, or a source that is no name."""
    folder, own = path.parent, folder_name(path.parent)
    file = place_inside(folder / IMAGES, name, where)
    if not file.exists() and (beside := place_inside(folder, name, where)).exists():
        file = beside
    place_inside(folder, str(file.relative_to(folder)), where)  # IMAGES itself may be a link that leads out
    width, height = _number(entry.get("width")), _number(entry.get("height"))
    return CocoPicture(
        file,
        check_source(_text(entry.get("source")) or own, where),
        plain(_text(entry.get("group")) or f"{own}:{name}"),
        (width, height) if width and height and width > 0 and height > 0 else None,
    )


def _take_annotation(
    note: Any,
    number: int,
    pictures: Mapping[object, CocoPicture],
    categories: Mapping[object, str],
    dropped: Dropped,
) -> None:
    """Add an annotation to its picture, or count why it cannot be used."""
    where = f"annotation {number}"
    if not isinstance(note, Mapping):
        dropped.add("annotations that are no objects", where)
        return
    key, category = note.get("image_id"), note.get("category_id")
    if not _is_key(key) or key not in pictures:
        dropped.add("annotations of a picture that is not listed", where)
    elif not _is_key(category) or category not in categories:
        dropped.add("annotations of a category that is not listed", where)
    elif (corners := _corners(note.get("bbox"))) is None:
        dropped.add("annotations whose bbox is not four numbers", where)
    elif fault := box_fault(corners, pictures[key].size):
        dropped.add(fault, where)
    else:
        ignored = bool(note.get("ignore") or note.get("iscrowd"))
        box = CocoBox(BoundingBox(*corners), categories[category], ignored, number)
        if box in pictures[key].boxes:
            dropped.add("boxes that are there twice", where)
        else:
            pictures[key].boxes[box] = None


def _corners(bbox: Any) -> tuple[float, float, float, float] | None:
    """xmin, ymin, xmax, ymax of COCO's x, y, width, height; None if these are not four numbers."""
    if not isinstance(bbox, list) or len(bbox) != 4:
        return None
    numbers = [_number(value) for value in bbox]
    if any(number is None for number in numbers):
        return None
    x, y, width, height = (number or 0.0 for number in numbers)
    return x, y, x + width, y + height


def _number(value: Any) -> float | None:
    """A JSON number, which may be nan or infinite; None for anything else, also for true and "3"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _is_key(value: Any) -> bool:
    """Whether a JSON value can be an id."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """A text or a number as text; empty for anything else."""
    return str(value).strip() if _is_key(value) else ""


def describe_categories(pictures: list[CocoPicture]) -> dict[str, int]:
    """Category -> number of usable boxes, those with most first."""
    counts: dict[str, int] = {}
    for picture in pictures:
        for box in picture.boxes:
            counts[box.category] = counts.get(box.category, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
