"""Snapshots: one per new decision, the oldest go, faces are blurred."""

import numpy as np

from edge.pictures.files import read_picture
from edge.sinks.snapshot import SnapshotConfig, SnapshotSink
from edge.types import (
    State,
)
from tests.edge.sinks.builders import make_result


def test_one_snapshot_per_new_decision_and_the_oldest_go(tmp_path):
    sink = SnapshotSink(SnapshotConfig(str(tmp_path), keep=3))
    for index, state in enumerate(
        [State.IDLE, State.DENY, State.DENY, State.PASS, State.IDLE, State.DENY, State.PASS]
    ):
        sink.handle(make_result(state, index))
    names = sorted(path.name.rpartition("_")[2] for path in tmp_path.iterdir())
    assert names == ["deny.jpg", "pass.jpg", "pass.jpg"]


def test_snapshots_are_blurred_unless_asked_otherwise(tmp_path):
    result = make_result(State.DENY)
    SnapshotSink(SnapshotConfig(str(tmp_path / "blurred"))).handle(result)
    SnapshotSink(SnapshotConfig(str(tmp_path / "plain"), blur=False)).handle(result)
    inside = (slice(24, 38), slice(14, 38))
    blurred, plain = (
        read_picture(next((tmp_path / name).iterdir()))[inside].mean(axis=2) for name in ("blurred", "plain")
    )
    original = result.frame.pixels[inside].mean(axis=2)
    likeness = [np.corrcoef(part.ravel(), original.ravel())[0, 1] for part in (blurred, plain)]
    assert likeness[0] < 0.5 < 0.7 < likeness[1]
