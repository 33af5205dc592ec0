"""The samples of one classifier training: read, checked and split."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import DataError
from edge.types import Label
from training.datasets.duplicates import check_pictures, near_duplicates
from training.datasets.samples import Sample, present_labels, read_samples
from training.datasets.splits import PARTS, is_excluded, read_excluded, read_split, split_groups

SINGLE_GROUPS = (
    "every picture is a group of its own: if some show the same person or place, figures will be too good; "
    "name the groups in a manifest.csv with the columns file, label, group"
)


@dataclass(frozen=True, slots=True)
class ClassifierParts:
    """What a classifier is trained on and judged by."""

    train: list[Sample]
    val: list[Sample]
    test: list[Sample]
    labels: tuple[Label, ...]
    """The classes of the data in output order."""
    groups: dict[str, str]
    """Group -> part."""
    unreadable: int
    """Pictures that cannot be read."""
    duplicates: int
    """Training pictures that were dropped because they repeat a held-out one."""


def load_parts(arguments: argparse.Namespace) -> ClassifierParts:
    """Read, check and split `--data`. Unreadable pictures are named on stderr.

    Training pictures that repeat a held-out one are dropped, whatever their group says. `--exclude` takes
    pictures from the training part only: the held-out parts keep their wrong labels, so that figures stay
    comparable. Raises DataError if a class is missing in the training part, or if the validation part is
    empty.
    """
    samples, hashes, unreadable = check_pictures(
        [sample for folder in arguments.data for sample in read_samples(folder)]
    )
    for line in unreadable:
        print(f"skipped: {line}", file=sys.stderr)
    labels = present_labels(samples)
    if len({sample.group for sample in samples}) == len(samples):
        print(SINGLE_GROUPS, file=sys.stderr)
    groups = _split(samples, arguments)
    part_of = np.array([groups[sample.group] for sample in samples])
    repeated = near_duplicates(hashes, hashes[part_of != "train"]) & (part_of == "train")
    parts = {
        part: [
            sample
            for sample, own, again in zip(samples, part_of, repeated, strict=True)
            if own == part and not again
        ]
        for part in PARTS
    }
    if arguments.exclude:
        excluded = read_excluded(arguments.exclude)
        parts["train"] = [sample for sample in parts["train"] if not is_excluded(sample, excluded)]
    _check(parts, labels)
    return ClassifierParts(
        **parts, labels=labels, groups=groups, unreadable=len(unreadable), duplicates=int(repeated.sum())
    )


def _split(samples: Sequence[Sample], arguments: argparse.Namespace) -> dict[str, str]:
    """Group -> part, by `--split` or drawn."""
    if arguments.split:
        held_out = read_split(arguments.split)
        return {sample.group: held_out.get(sample.group, "train") for sample in samples}
    return split_groups(
        samples,
        test=arguments.test_fraction,
        val=arguments.val_fraction,
        seed=arguments.seed,
        sources=arguments.holdout_source,
    )


def _check(parts: Mapping[str, Sequence[Sample]], labels: Sequence[Label]) -> None:
    """Raise DataError for parts that no classifier can be trained on."""
    missing = set(labels) - {sample.label for sample in parts["train"]}
    if missing:
        lack = f"no {', '.join(sorted(missing))} left to train on"
    elif not parts["val"]:
        lack = "no validation part"
    else:
        return
    raise DataError(
        f"splitting by group gives {lack}",
        "add groups (people, places), or change --val-fraction, --test-fraction or --seed",
    )
