"""Holding groups out, leaving pictures out, limiting sources."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from edge.errors import DataError
from training.datasets.samples import LABELS, Sample
from training.datasets.splits import (
    is_excluded,
    limit_sources,
    read_excluded,
    read_split,
    split_groups,
    write_split,
)


def make_samples(groups: int = 12, each: int = 4) -> list[Sample]:
    return [
        Sample(None, LABELS[i % 3], f"source{g % 2}", f"group{g}")  # type: ignore[arg-type]
        for g in range(groups)
        for i in range(each)
    ]


def test_a_group_never_crosses_the_split():
    samples = make_samples()
    parts = split_groups(samples, test=0.25, val=0.15, seed=0)
    assert set(parts) == {sample.group for sample in samples}
    held = {part: {g for g, own in parts.items() if own == part} for part in ("train", "val", "test")}
    assert all(held.values())
    assert len(held["train"]) > len(held["test"]) >= len(held["val"])


def test_the_split_depends_on_the_seed_alone():
    samples = make_samples()
    assert split_groups(samples, test=0.25, val=0.15, seed=3) == split_groups(
        samples, test=0.25, val=0.15, seed=3
    )
    assert split_groups(samples, test=0.25, val=0.15, seed=3) != split_groups(
        samples, test=0.25, val=0.15, seed=4
    )


def test_held_out_sources_are_the_only_ones_held_out():
    samples = make_samples()
    parts = split_groups(samples, test=0.25, val=0.15, seed=0, sources=["source1"])
    assert all(parts[sample.group] == "train" for sample in samples if sample.source == "source0")
    assert {"val", "test"} <= set(parts.values())
    with pytest.raises(DataError, match="no sample comes from moon"):
        split_groups(samples, test=0.25, val=0.15, seed=0, sources=["moon"])


def test_a_split_can_be_read_back(tmp_path):
    parts = {"a": "train", "b, with comma": "test", "c": "val"}
    write_split(tmp_path / "split.csv", parts)
    assert read_split(tmp_path / "split.csv") == {"b, with comma": "test", "c": "val"}
    with pytest.raises(DataError, match="not a split file"):
        read_split(tmp_path / "nothing.csv")


def test_source_limits_draw_anew_each_time():
    samples = [Sample(None, LABELS[0], "big", f"g{i}") for i in range(50)] + [
        Sample(None, LABELS[1], "small", "h")
    ]  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    first, second = (limit_sources(samples, {"big": 10}, rng) for _ in range(2))
    assert [sum(sample.source == "big" for sample in drawn) for drawn in (first, second)] == [10, 10]
    assert {sample.group for sample in first} != {sample.group for sample in second}
    assert sum(sample.source == "small" for sample in first) == 1


def test_excluded_pictures(tmp_path):
    (tmp_path / "mistakes.csv").write_text("file,label\n/elsewhere/with_mask/a.jpg,with_mask\n")
    excluded = read_excluded(tmp_path / "mistakes.csv")
    assert is_excluded(Sample(tmp_path / "with_mask" / "a.jpg", LABELS[0], "s", "g"), excluded)
    assert not is_excluded(Sample(tmp_path / "without_mask" / "a.jpg", LABELS[0], "s", "g"), excluded)
