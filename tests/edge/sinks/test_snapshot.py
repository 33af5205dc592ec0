"""Snapshots: one per new decision, the oldest go, faces are blurred."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edge.pictures.files import read_picture
from edge.sinks import snapshot
from edge.sinks.snapshot import SnapshotConfig, SnapshotSink
from edge.types import BoundingBox, State
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


# --- nothing is removed or written over that this sink did not write


def snapshots(folder):
    return sorted(path for path in folder.iterdir() if path.name.endswith(("_pass.jpg", "_deny.jpg")))


def decide(sink, count, first=0):
    """`count` new decisions, by turns deny and pass."""
    for index in range(first, first + count):
        sink.handle(make_result((State.DENY, State.PASS)[index % 2], index))


def test_other_peoples_files_stay_as_they_are(tmp_path):
    names = [f"IMG_20240101_12{number:04}.jpg" for number in range(30)]
    names += ["20240101T120000_123456_deny.jpg", "20240101_120000_pass.jpg", "a_b_c.jpg", "notes.txt"]
    for name in names:
        (tmp_path / name).write_bytes(b"a photograph")
    decide(SnapshotSink(SnapshotConfig(str(tmp_path), keep=2)), 6)
    assert {path.read_bytes() for path in tmp_path.iterdir() if path.name in names} == {b"a photograph"}
    assert len(list(tmp_path.iterdir())) == len(names) + 2


def test_a_link_with_a_snapshots_name_is_not_removed(tmp_path):
    decide(SnapshotSink(SnapshotConfig(str(tmp_path / "theirs"))), 1)
    (theirs,) = (tmp_path / "theirs").iterdir()
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "20240101T120000_123456_deny.jpg").symlink_to(theirs)
    decide(SnapshotSink(SnapshotConfig(str(folder), keep=1)), 4)
    assert (folder / "20240101T120000_123456_deny.jpg").is_symlink()
    assert theirs.exists()


def test_those_of_an_earlier_run_are_counted(tmp_path):
    decide(SnapshotSink(SnapshotConfig(str(tmp_path), keep=5)), 5)
    before = snapshots(tmp_path)
    decide(SnapshotSink(SnapshotConfig(str(tmp_path), keep=5)), 2)
    assert len(snapshots(tmp_path)) == 5
    assert not before[0].exists() and not before[1].exists() and before[2].exists()


class Clock:
    """Stands in for `datetime`: each call gives the next moment."""

    def __init__(self, *moments):
        self.moments = list(moments)

    def now(self, zone):
        return self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]


def test_a_clock_that_was_ahead_does_not_cost_the_new_ones(tmp_path, monkeypatch):
    ahead = datetime(2027, 1, 1, tzinfo=UTC)
    times = [ahead + timedelta(seconds=n) for n in range(3)]
    times += [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(4)]
    monkeypatch.setattr(snapshot, "datetime", Clock(*times))
    decide(SnapshotSink(SnapshotConfig(str(tmp_path), keep=3)), 7)
    assert [path.name[:4] for path in snapshots(tmp_path)] == ["2026"] * 3


def test_two_snapshots_of_one_moment_are_two_files(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "datetime", Clock(datetime(2026, 1, 1, tzinfo=UTC)))
    sink = SnapshotSink(SnapshotConfig(str(tmp_path), keep=3))
    for _ in range(5):
        sink.handle(make_result(State.DENY))
        sink.handle(make_result(State.IDLE))
    assert len(list(tmp_path.iterdir())) == 3


# --- a full card


@pytest.fixture
def card(monkeypatch):
    """`card.full`: a write leaves the first bytes and fails."""

    class Card:
        full = False

    write_bytes = Path.write_bytes

    def write(path, data):
        if not Card.full:
            return write_bytes(path, data)
        write_bytes(path, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    return Card


def test_on_a_full_card_nothing_torn_is_left_and_it_heals(tmp_path, card, caplog):
    sink = SnapshotSink(SnapshotConfig(str(tmp_path), keep=3))
    decide(sink, 3)
    card.full = True
    decide(sink, 5, first=3)
    assert len(list(tmp_path.iterdir())) == 2  # room was made for one more
    assert all(path.stat().st_size > 100 for path in tmp_path.iterdir())
    assert sink.lost == 5
    assert len(caplog.records) == 3  # the 1st, 2nd and 4th
    card.full = False
    decide(sink, 4, first=8)
    assert len(snapshots(tmp_path)) == len(list(tmp_path.iterdir())) == 3


# --- blurring


def test_what_only_faintly_looks_like_a_face_is_blurred_too(tmp_path):
    result = replace(make_result(State.DENY), faint=(BoundingBox(44, 8, 62, 40),))
    SnapshotSink(SnapshotConfig(str(tmp_path))).handle(result)
    (path,) = tmp_path.iterdir()
    inside = read_picture(path)[12:36, 46:60].mean(axis=2).ravel()
    original = result.frame.pixels[12:36, 46:60].mean(axis=2).ravel()
    assert np.corrcoef(inside, original)[0, 1] < 0.5


def test_where_nobody_looked_for_faces_the_whole_picture_is_blurred(tmp_path):
    SnapshotSink(SnapshotConfig(str(tmp_path))).handle(replace(make_result(State.UNCERTAIN), faint=None))
    (path,) = tmp_path.iterdir()
    corner = read_picture(path)[:8, :8].astype(int)
    assert corner.max() - corner.min() < 60  # noise of 0 to 255 before
