"""The pictures of one detector training."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.datasets.conventions import fit_convention
from training.datasets.duplicates import difference_hash, near_duplicates
from training.datasets.samples import Sample, read_samples
from training.datasets.scenes import Scene, load_pictures, read_backgrounds, read_scenes, scene_of_face
from training.datasets.splits import hold_out, read_excluded
from training.datasets.teacher import Teacher, taught
from training.detector.augment import Loaded


@dataclass(frozen=True, slots=True)
class Parts:
    """The pictures of one run after checking, splitting and teaching. held_out: val and test, scenes and backgrounds, as they were labelled."""

    scenes: list[Loaded]
    faces: list[Loaded]
    backgrounds: list[Loaded]
    held_out: dict[str, list[Loaded]]
    groups: dict[str, str]
    unreadable: int
    duplicates: int


def load_parts(arguments: argparse.Namespace) -> Parts:
    """Read, split and decode everything. Training pictures that repeat a held-out one are dropped, whatever their group says."""
    listed = [scene for folder in arguments.data for scene in read_scenes(folder)]
    excluded = read_excluded(arguments.exclude) if arguments.exclude else set()
    empty = [scene for folder in arguments.background for scene in read_backgrounds(folder)]
    groups = hold_out([*listed, *empty], arguments.split, arguments.test_fraction, arguments.seed)
    loaded, unreadable = load_pictures([*listed, *empty])
    samples = [
        sample
        for folder in arguments.faces
        for sample in read_samples(folder)
        if groups.get(sample.group, "train") == "train"
    ]
    cut_outs, more = load_pictures(_cut_out(sample) for sample in samples)
    for line in unreadable + more:
        print(f"skipped: {line}", file=sys.stderr)
    held_out = {part: [item for item in loaded if groups[item[0].group] == part] for part in ("val", "test")}
    train = [
        item
        for item in loaded
        if groups[item[0].group] == "train" and "/".join(item[0].file.parts[-2:]) not in excluded
    ]
    train, repeated = _drop_repeated(train, [item for items in held_out.values() for item in items])
    teacher = Teacher(arguments.teacher) if arguments.teacher else None
    by_file = {sample.file: sample for sample in samples}
    return Parts(
        scenes=_repeat(
            _teach([item for item in train if item[0].source != "background"], teacher, True),
            dict(arguments.repeat),
        ),
        faces=_teach(
            [(scene_of_face(by_file[scene.file], pixels), pixels) for scene, pixels in cut_outs],
            teacher,
            False,
        ),
        backgrounds=[item for item in train if item[0].source == "background"],
        held_out=held_out,
        groups=groups,
        unreadable=len(unreadable) + len(more),
        duplicates=repeated,
    )


def _cut_out(sample: Sample) -> Scene:
    """A face's file as a scene that is not yet measured."""
    return scene_of_face(sample, np.empty((1, 1, 3), np.uint8))


def _drop_repeated(train: list[Loaded], held_out: list[Loaded]) -> tuple[list[Loaded], int]:
    hashes, of = (
        np.array([difference_hash(pixels) for _, pixels in items], np.uint64) for items in (train, held_out)
    )
    repeated = near_duplicates(hashes, of)
    return [item for item, again in zip(train, repeated, strict=True) if not again], int(repeated.sum())


def _teach(items: list[Loaded], teacher: Teacher | None, whole: bool) -> list[Loaded]:
    """Boxes in our convention, and what the teacher makes of them."""
    fitted = [(fit_convention(scene), pixels) for scene, pixels in items]
    if teacher is None:
        return fitted
    progress = tqdm(fitted, desc="asking the teacher", unit="picture", mininterval=1)
    return [(taught(scene, teacher(pixels), whole), pixels) for scene, pixels in progress]


def _repeat(items: list[Loaded], times: dict[str, int]) -> list[Loaded]:
    return [item for item in items for _ in range(times.get(item[0].source, 1))]
