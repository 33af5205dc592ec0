"""The pictures of one detector training: read, checked, split and completed by a teacher."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.datasets.conventions import fit_convention
from training.datasets.duplicates import difference_hash, near_duplicates
from training.datasets.samples import Sample, read_samples
from training.datasets.scenes import (
    BACKGROUND,
    Loaded,
    Scene,
    load_pictures,
    read_backgrounds,
    read_scenes,
    scene_of_face,
)
from training.datasets.splits import hold_out, is_excluded, read_excluded
from training.datasets.teacher import Teacher, open_teacher, teach_scene


@dataclass(frozen=True, slots=True)
class DetectorParts:
    """What a detector is trained on and judged by."""

    scenes: list[Loaded]
    """Training pictures with people. A repeated one is in here several times."""
    faces: list[Loaded]
    """Cut-out faces to paste."""
    backgrounds: list[Loaded]
    """Training pictures without people."""
    held_out: dict[str, list[Loaded]]
    """The parts val and test: scenes and backgrounds, as they were labelled."""
    groups: dict[str, str]
    """Group -> part."""
    unreadable: int
    """Pictures that cannot be read."""
    duplicates: int
    """Training pictures that were dropped because they repeat a held-out one."""


def load_parts(arguments: argparse.Namespace) -> DetectorParts:
    """Read, split and decode everything. Unreadable pictures are named on stderr.

    Training pictures that repeat a held-out one are dropped, whatever their group says.
    """
    listed = [scene for folder in arguments.data for scene in read_scenes(folder)]
    listed += [scene for folder in arguments.background for scene in read_backgrounds(folder)]
    groups = hold_out(listed, arguments.split, arguments.test_fraction, arguments.seed)
    excluded = read_excluded(arguments.exclude) if arguments.exclude else set()
    loaded, unreadable = load_pictures(listed)
    faces, unreadable_faces = _load_faces(arguments, groups)
    for line in unreadable + unreadable_faces:
        print(f"skipped: {line}", file=sys.stderr)
    held_out = {part: [item for item in loaded if groups[item[0].group] == part] for part in ("val", "test")}
    train = [
        item for item in loaded if groups[item[0].group] == "train" and not is_excluded(item[0], excluded)
    ]
    train, repeated = _drop_repeated(train, [item for items in held_out.values() for item in items])
    teacher = open_teacher(arguments.teacher) if arguments.teacher else None
    scenes = _complete([item for item in train if item[0].source != BACKGROUND], teacher, whole=True)
    return DetectorParts(
        scenes=_repeat(scenes, dict(arguments.repeat)),
        faces=_complete(faces, teacher, whole=False),
        backgrounds=[item for item in train if item[0].source == BACKGROUND],
        held_out=held_out,
        groups=groups,
        unreadable=len(unreadable) + len(unreadable_faces),
        duplicates=repeated,
    )


def _load_faces(arguments: argparse.Namespace, groups: dict[str, str]) -> tuple[list[Loaded], list[str]]:
    """The cut-out faces of `--faces` whose group is not held out, and one line for each unreadable file."""
    samples = [
        sample
        for folder in arguments.faces
        for sample in read_samples(folder)
        if groups.get(sample.group, "train") == "train"
    ]
    loaded, unreadable = load_pictures(_unmeasured(sample) for sample in samples)
    by_file = {sample.file: sample for sample in samples}
    return [(scene_of_face(by_file[scene.file], pixels), pixels) for scene, pixels in loaded], unreadable


def _unmeasured(sample: Sample) -> Scene:
    """A face's file as a scene whose size is not known yet."""
    return scene_of_face(sample, np.empty((1, 1, 3), np.uint8))


def _drop_repeated(train: list[Loaded], held_out: list[Loaded]) -> tuple[list[Loaded], int]:
    """The training pictures that show something else than the held-out ones, and the number of the others."""
    hashes, of = (
        np.array([difference_hash(pixels) for _, pixels in items], np.uint64) for items in (train, held_out)
    )
    repeated = near_duplicates(hashes, of)
    return [item for item, again in zip(train, repeated, strict=True) if not again], int(repeated.sum())


def _complete(items: list[Loaded], teacher: Teacher | None, whole: bool) -> list[Loaded]:
    """The scenes with boxes in our convention, and with the faces and landmarks that a teacher finds."""
    fitted = [(fit_convention(scene), pixels) for scene, pixels in items]
    if teacher is None:
        return fitted
    progress = tqdm(fitted, desc="asking the teacher", unit="picture", mininterval=1)
    return [(teach_scene(scene, teacher(pixels), whole), pixels) for scene, pixels in progress]


def _repeat(items: list[Loaded], times: dict[str, int]) -> list[Loaded]:
    """Each item as many times as its source says, once if it says nothing."""
    return [item for item in items for _ in range(times.get(item[0].source, 1))]
