"""The samples of one classifier training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import DataError
from edge.types import Label
from training.datasets.duplicates import check_pictures, near_duplicates
from training.datasets.samples import Sample, present_labels, read_samples
from training.datasets.splits import is_excluded, read_excluded, read_split, split_groups


@dataclass(frozen=True, slots=True)
class Parts:
    """The samples of one run after checking and splitting."""

    train: list[Sample]
    val: list[Sample]
    test: list[Sample]
    labels: tuple[Label, ...]
    groups: dict[str, str]
    unreadable: int
    duplicates: int


def load_parts(arguments: argparse.Namespace) -> Parts:
    """Read, check and split `--data`; training pictures that repeat a held-out one are dropped, whatever their group says.

    `--exclude` takes pictures from the training part alone: the held-out parts keep their wrong labels, so that figures stay comparable.
    """
    samples, hashes, unreadable = check_pictures(
        [sample for folder in arguments.data for sample in read_samples(folder)]
    )
    for line in unreadable:
        print(f"skipped: {line}", file=sys.stderr)
    labels = present_labels(samples)
    groups = _split(samples, arguments)
    part_of = np.array([groups[sample.group] for sample in samples])
    repeated = near_duplicates(hashes, hashes[part_of != "train"]) & (part_of == "train")
    parts = {
        part: [
            sample
            for sample, own, again in zip(samples, part_of, repeated, strict=True)
            if own == part and not again
        ]
        for part in ("train", "val", "test")
    }
    if arguments.exclude:
        excluded = read_excluded(arguments.exclude)
        parts["train"] = [sample for sample in parts["train"] if not is_excluded(sample, excluded)]
    missing = set(labels) - {sample.label for sample in parts["train"]}
    if missing or not parts["val"]:
        what = f"no {', '.join(sorted(missing))} left to train on" if missing else "no validation part"
        raise DataError(
            f"splitting by group gives {what}; add groups (people, places), or change --val-fraction, --test-fraction or --seed"
        )
    return Parts(
        parts["train"], parts["val"], parts["test"], labels, groups, len(unreadable), int(repeated.sum())
    )


def _split(samples: Sequence[Sample], arguments: argparse.Namespace) -> dict[str, str]:
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
