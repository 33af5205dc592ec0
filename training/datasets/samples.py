"""Labelled pictures: finding them, checking them, and splitting them by group."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupShuffleSplit
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.pictures.files import find_pictures, read_picture
from edge.preprocess import CROP_MARGIN, crop
from edge.types import BoundingBox, Label, Pixels

LABELS = (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
"""The order of a model's outputs; a model for two classes leaves the last out."""

BOX_COLUMNS = ("xmin", "ymin", "xmax", "ymax")
LANDMARK_COLUMNS = tuple(f"{axis}{point}" for point in range(5) for axis in "xy")
DUPLICATE_BITS = 4
"""Two pictures whose 64-bit difference hashes differ in at most so many bits are taken for the same."""


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


def check_pictures(samples: Sequence[Sample]) -> tuple[list[Sample], npt.NDArray[np.uint64], list[str]]:
    """Decode every sample once, with a progress bar.

    Returns the readable samples, their crops' difference hashes, uint64 (N,), and one line for each unreadable file.
    """
    good: list[Sample] = []
    hashes: list[int] = []
    unreadable: dict[Path, str] = {}
    for sample in tqdm(samples, desc="checking pictures", unit="picture", mininterval=1):
        if sample.file in unreadable:
            continue
        try:
            hashes.append(difference_hash(sample.crop(read_picture(sample.file))))
            good.append(sample)
        except PictureError as error:
            unreadable[sample.file] = str(error)
    return good, np.array(hashes, np.uint64), list(unreadable.values())


def difference_hash(pixels: Pixels) -> int:
    """64 bits: is each cell of a 9x8 grey thumbnail darker than its right neighbour (Krawetz 2013)."""
    import cv2

    thumbnail = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    bits = (thumbnail[:, 1:] > thumbnail[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def present_labels(samples: Iterable[Sample]) -> tuple[Label, ...]:
    """The classes of the data in output order. Raises DataError for fewer than two."""
    found = {sample.label for sample in samples}
    labels = tuple(label for label in LABELS if label in found)
    if len(labels) < 2:
        raise DataError(
            f"the data hold one class only ({', '.join(labels) or 'none'}); a classifier needs at least two of {', '.join(LABELS)}"
        )
    return labels


def split_groups(
    samples: Sequence[Sample], *, test: float, val: float, seed: int, sources: Sequence[str] | None = None
) -> dict[str, str]:
    """Which part each group belongs to: `train`, `val` or `test`.

    test, val: parts of the groups, 0..0.5. sources: hold out from these alone, each by itself, so that each is represented.
    """
    parts = {sample.group: "train" for sample in samples}
    by_source: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sources is None or sample.source in sources:
            by_source[sample.source].append(sample)
    missing = set(sources or ()) - by_source.keys()
    if missing:
        raise DataError(
            f"no sample comes from {', '.join(sorted(missing))}; the sources are {', '.join(sorted({s.source for s in samples}))}"
        )
    for members in by_source.values():
        for group in _draw_groups(members, test, seed):
            parts[group] = "test"
        left = [sample for sample in members if parts[sample.group] == "train"]
        for group in _draw_groups(left, val / (1 - test), seed):
            parts[group] = "val"
    return parts


def _draw_groups(samples: Sequence[Sample], fraction: float, seed: int) -> set[str]:
    """Groups drawn at random, about `fraction` of them; the first draw that leaves every label on both sides, if there is one.

    Not stratified: StratifiedGroupKFold always takes the one group whose size fits, and a part of one contributor tells of that one alone.
    """
    groups = [sample.group for sample in samples]
    if fraction <= 0 or len(set(groups)) < 2:
        return set()
    draws = [
        (
            {groups[i] for i in held_out},
            {samples[i].label for i in kept},
            {samples[i].label for i in held_out},
        )
        for kept, held_out in GroupShuffleSplit(20, test_size=fraction, random_state=seed).split(
            groups, groups=groups
        )
    ]
    labels = {sample.label for sample in samples}
    return next((drawn for drawn, kept, held in draws if kept == held == labels), draws[0][0])


def write_split(path: Path, parts: Mapping[str, str]) -> None:
    """Write group, part as CSV: what a figure was measured on must be found again."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("group", "part"))
        writer.writerows(sorted((group, part) for group, part in parts.items() if part != "train"))


def read_split(path: Path) -> dict[str, str]:
    """Groups held out by `write_split`; one that is not named is training data, one with another part (`unused`) is left alone. Raises DataError."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return {row["group"]: row["part"] for row in csv.DictReader(lines)}
    except (OSError, KeyError) as error:
        raise DataError(
            f"{path}: not a split file ({error!r}); it needs the columns group and part, as training.train writes them"
        ) from error


class Grouped(Protocol):
    """A picture of a known origin."""

    @property
    def source(self) -> str: ...

    @property
    def group(self) -> str: ...


Item = TypeVar("Item", bound=Grouped)


def select(
    items: Sequence[Item],
    folders: Sequence[Path],
    split: Path | None,
    part: str | None,
    sources: Sequence[str] | None,
) -> list[Item]:
    """The items of one part of a split and of some sources. folders: where they come from, for the DataError that is raised when none is left."""
    groups = read_split(split) if split else None
    chosen = [
        item
        for item in items
        if (groups is None or groups.get(item.group, "train") == part)
        and (not sources or item.source in sources)
    ]
    if not chosen:
        raise DataError(
            f"{', '.join(map(str, folders))}: nothing left to evaluate; check --split, --part and --source"
        )
    return chosen


def read_excluded(path: Path) -> set[str]:
    """`label/name` of the pictures in a CSV's column `file`, such as a reviewed `mistakes.csv` of training.evaluate. Raises DataError."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return {"/".join(Path(row["file"]).parts[-2:]) for row in csv.DictReader(lines)}
    except (OSError, KeyError) as error:
        raise DataError(
            f"{path}: not a list of pictures ({error!r}); it needs a column named file"
        ) from error


def is_excluded(sample: Sample, excluded: set[str]) -> bool:
    """Whether a sample's file is on a list of `read_excluded`."""
    return "/".join(sample.file.parts[-2:]) in excluded


def near_duplicates(hashes: npt.NDArray[np.uint64], of: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """bool (N,): which of `hashes` (N,) lie within DUPLICATE_BITS of any in `of` (M,)."""
    found = np.zeros(len(hashes), bool)
    for value in np.unique(of):
        found |= np.bitwise_count(hashes ^ value) <= DUPLICATE_BITS
    return found


def limit_sources(
    samples: Sequence[Sample], limits: Mapping[str, int], rng: np.random.Generator
) -> list[Sample]:
    """At most so many samples of each limited source, drawn anew each call, so that a large easy set does not drown the small hard one."""
    by_source: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_source[sample.source].append(sample)
    drawn: list[Sample] = []
    for source, members in by_source.items():
        limit = limits.get(source, len(members))
        chosen = rng.permutation(len(members))[:limit]
        drawn += [members[i] for i in chosen]
    return drawn


def describe(samples: Iterable[Sample]) -> str:
    """Counts per label, for a person."""
    counts = Counter(sample.label for sample in samples)
    return ", ".join(f"{counts[label]} {label}" for label in LABELS if counts[label])
