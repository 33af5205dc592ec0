"""Folders of pictures with one sub-folder per label, as people sort them, and what else lies there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import DataError
from edge.pictures.folders import find_pictures, search
from edge.types import Label
from training.datasets.dropped import Dropped
from training.datasets.places import shown

LABELS = (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
"""The order of a model's outputs. A model for two classes leaves the last one out."""

OTHER_NAMES: Mapping[str, Label] = {
    "masked": Label.WITH_MASK,
    "unmasked": Label.WITHOUT_MASK,
    "nomask": Label.WITHOUT_MASK,
    "maskwearedincorrect": Label.INCORRECT_MASK,
    "maskwornincorrectly": Label.INCORRECT_MASK,
    "incorrectlyworn": Label.INCORRECT_MASK,
}
"""What other makers' data sets call the labels, in small letters without anything between them."""

ANNOTATION_KINDS = {".xml": "PASCAL VOC", ".txt": "YOLO"}
"""Suffix -> the form of annotations that has it."""

KEYS: Mapping[str, Label] = {**{re.sub("_", "", label): label for label in LABELS}, **OTHER_NAMES}


def label_of(name: str) -> Label | None:
    """The label that a name stands for, such as `WithMask` or `without mask`; None if it stands for none."""
    return KEYS.get(re.sub(r"[\W_]", "", name).lower())


def find_labelled(folder: Path) -> list[tuple[Path, Label]]:
    """All pictures in sub-folders that are named after labels, in the labels' order.

    What is left out, such as sub-folders of other names, is said on stderr. Raises DataError if no sub-folder
    is named after a label, or if one of them is empty.
    """
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    labels = {path: label for path in subfolders if (label := label_of(path.name))}
    if not labels:
        raise _nothing_labelled(folder, subfolders)
    found: list[tuple[Path, Label]] = []
    for path in sorted(labels, key=lambda path: LABELS.index(labels[path])):
        files = find_pictures(path)
        if not files:
            raise DataError(f"{path}: the class is empty", "put pictures there or remove the folder")
        found += [(file, labels[path]) for file in files]
    _report_others(folder, [path for path in subfolders if path not in labels])
    return found


def _report_others(folder: Path, others: Sequence[Path]) -> None:
    """Say which pictures are in no sub-folder of a label."""
    dropped = Dropped()
    for other in others:
        for file in search(other).pictures:
            dropped.add(f"pictures in {shown(other.name)}, which is no label", file.name)
    for file in search(folder).pictures:
        if file.parent == folder:
            dropped.add("pictures in no sub-folder", file.name)
    dropped.report(folder)


def _nothing_labelled(folder: Path, subfolders: Sequence[Path]) -> DataError:
    """The error for a folder without a sub-folder of a label: it says what is there instead."""
    what = f"{folder}: no manifest.csv, no annotations.json and no sub-folder {', '.join(LABELS)}"
    parts = [path for path in subfolders if any(label_of(p.name) for p in path.iterdir() if p.is_dir())]
    if parts:
        return DataError(what, f"give --data {' '.join(map(str, parts))}")
    suffixes = Counter(path.suffix.lower() for path in folder.rglob("*"))
    kind = next((kind for suffix, kind in ANNOTATION_KINDS.items() if suffixes[suffix]), None)
    if kind:
        return DataError(
            f"{what}; its annotations look like {kind}'s",
            "convert them to COCO: annotations.json beside a folder images/",
        )
    return DataError(what, "sort the pictures into such sub-folders")
