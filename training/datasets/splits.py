"""Which pictures are held out and which are left out: by group, by list, by source.

A part is `train`, `val` or `test`. All pictures of a group are in the same part.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from edge.errors import DataError
from training.datasets.places import plain, shown
from training.datasets.samples import Sample
from training.datasets.scenes import Scene
from training.datasets.tables import read_table

PARTS = ("train", "val", "test")

TRAINING_ONLY = frozenset({"roboflow_maskwearing149"})
"""Sources of scenes that are never held out. Their boxes are whole heads: no figure should depend on hair."""


def split_groups(
    samples: Sequence[Sample], *, test: float, val: float, seed: int, sources: Sequence[str] | None = None
) -> dict[str, str]:
    """The part that each group of a classifier's samples belongs to.

    test, val: shares of the groups, 0..0.5. sources: hold out from these only. Each source is split by
    itself, so that each is represented. Raises DataError for a source that no sample has.
    """
    parts = {sample.group: "train" for sample in samples}
    by_source: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sources is None or sample.source in sources:
            by_source[sample.source].append(sample)
    missing = set(sources or ()) - by_source.keys()
    if missing:
        known = ", ".join(sorted({sample.source for sample in samples}))
        raise DataError(f"no sample comes from {', '.join(sorted(missing))}", f"the sources are {known}")
    for members in by_source.values():
        for group in _draw_groups(members, test, seed):
            parts[group] = "test"
        left = [sample for sample in members if parts[sample.group] == "train"]
        for group in _draw_groups(left, val / (1 - test), seed):
            parts[group] = "val"
    return parts


def _draw_groups(samples: Sequence[Sample], fraction: float, seed: int) -> set[str]:
    """About `fraction` of the groups, drawn at random.

    Of twenty draws the first one that leaves every label on both sides, else the first of all. Not
    stratified: StratifiedGroupKFold always takes the one group whose size fits, and then a part shows one
    contributor alone.
    """
    groups = [sample.group for sample in samples]
    if fraction <= 0 or len(set(groups)) < 2:
        return set()
    labels = {sample.label for sample in samples}
    draws = list(GroupShuffleSplit(20, test_size=fraction, random_state=seed).split(groups, groups=groups))
    for kept, held_out in draws:
        if {samples[i].label for i in kept} == {samples[i].label for i in held_out} == labels:
            return {groups[i] for i in held_out}
    return {groups[i] for i in draws[0][1]}


def hold_out(scenes: Sequence[Scene], split: Path | None, fraction: float, seed: int) -> dict[str, str]:
    """The part that each group of a detector's scenes belongs to.

    split: a file of `write_split`. It decides for the sources that it names. fraction: the share of every
    other source's groups that becomes the test part; a third of that number becomes the val part.
    """
    known = read_split(split) if split else {}
    decided = {scene.source for scene in scenes if scene.group in known} | TRAINING_ONLY
    parts = {scene.group: known.get(scene.group, "train") for scene in scenes}
    for source in sorted({scene.source for scene in scenes} - decided):
        groups = sorted({scene.group for scene in scenes if scene.source == source})
        order = [groups[i] for i in np.random.default_rng(seed).permutation(len(groups))]
        test, val = round(len(groups) * fraction), round(len(groups) * fraction / 3)
        parts |= dict.fromkeys(order[:test], "test") | dict.fromkeys(order[test : test + val], "val")
    return parts


def write_split(path: Path, parts: Mapping[str, str]) -> None:
    """Write the held-out groups and their parts as CSV, so that figures can be measured again."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(("group", "part"))
        writer.writerows(sorted((group, part) for group, part in parts.items() if part != "train"))


def read_split(path: Path) -> dict[str, str]:
    """The groups of a file of `write_split` with their parts. Raises DataError.

    A group that is not named is training data. One with another part, such as `unused`, is in none of the
    three.
    """
    cure = "it needs the columns group and part, as training.train writes them"
    parts: dict[str, str] = {}
    for row in read_table(path, ("group", "part"), cure, "split file"):
        group, part = row.needed("group"), row.needed("part")
        if parts.setdefault(group, part) != part:
            raise DataError(
                f"{row.where}: the group {shown(group)} is in two parts, {parts[group]} and {part}",
                "remove one of the lines",
            )
    return parts


class Grouped(Protocol):
    """A picture of a known origin."""

    @property
    def file(self) -> Path:
        """The picture file."""

    @property
    def source(self) -> str:
        """The data set that it comes from."""

    @property
    def group(self) -> str:
        """Who or what it shows."""


Item = TypeVar("Item", bound=Grouped)


def select(
    items: Sequence[Item],
    folders: Sequence[Path],
    split: Path | None,
    part: str | None,
    sources: Sequence[str] | None,
) -> list[Item]:
    """The items of one part of a split and of some sources.

    folders: where the items come from, for the error message. split, sources: None takes all.
    Raises DataError if none is left.
    """
    groups = read_split(split) if split else None
    chosen = [
        item
        for item in items
        if (groups is None or groups.get(item.group, "train") == part)
        and (not sources or item.source in sources)
    ]
    if not chosen:
        raise DataError(
            f"{', '.join(map(str, folders))}: nothing left to evaluate", "check --split, --part and --source"
        )
    return chosen


def read_excluded(path: Path) -> set[str]:
    """The pictures that a CSV file lists in its column `file`, as keys for `is_excluded`. Raises DataError.

    For example a `mistakes.csv` of training.evaluate that a person has gone through.
    """
    rows = read_table(path, ("file",), "it needs a column named file", "list of pictures")
    return {_key(Path(row.needed("file"))) for row in rows}


def is_excluded(item: Grouped, excluded: set[str]) -> bool:
    """True if the item's file is on a list of `read_excluded`."""
    return _key(item.file) in excluded


def _key(file: Path) -> str:
    """`folder/name` of a file, which stays the same when the data lie elsewhere."""
    return plain("/".join(file.parts[-2:]))


def limit_sources(
    samples: Sequence[Sample], limits: Mapping[str, int], rng: np.random.Generator
) -> list[Sample]:
    """The samples, with at most `limits[source]` of each limited source, chosen at random in each call.

    This keeps a large easy source from outweighing a small hard one.
    """
    by_source: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_source[sample.source].append(sample)
    drawn: list[Sample] = []
    for source, members in by_source.items():
        limit = limits.get(source, len(members))
        chosen = rng.permutation(len(members))[:limit]
        drawn += [members[i] for i in chosen]
    return drawn
