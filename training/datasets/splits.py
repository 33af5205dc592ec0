"""Which pictures are held out, and which are left out: by group, by list, by source."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from edge.errors import DataError
from training.datasets.samples import Sample
from training.datasets.scenes import Scene


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


def hold_out(scenes: Sequence[Scene], split: Path | None, fraction: float, seed: int) -> dict[str, str]:
    """Which part each group belongs to: `train`, `val` or `test`.

    split: a file of `training.datasets.samples.write_split`; it decides for the sources that it names. Of each other source `fraction` of the groups
    becomes the test part, and a third as many the val part. Heads (roboflow) are training data alone: no figure should depend on their hair.
    """
    known = read_split(split) if split else {}
    decided = {scene.source for scene in scenes if scene.group in known} | {"roboflow_maskwearing149"}
    parts = {scene.group: known.get(scene.group, "train") for scene in scenes}
    for source in sorted({scene.source for scene in scenes} - decided):
        groups = sorted({scene.group for scene in scenes if scene.source == source})
        order = np.random.default_rng(seed).permutation(len(groups))
        test, val = round(len(groups) * fraction), round(len(groups) * fraction / 3)
        parts |= {groups[i]: "test" for i in order[:test]} | {
            groups[i]: "val" for i in order[test : test + val]
        }
    return parts
