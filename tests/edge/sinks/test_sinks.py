"""The contract that every sink must pass, and what is particular to each."""

import json
import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.config.indicators import GpioConfig, ScreenConfig
from edge.errors import SinkError
from edge.host.watch import BoardWatch
from edge.pictures.annotate import annotate, blur_faces
from edge.pictures.files import read_picture
from edge.sinks.base import BackgroundSink
from edge.sinks.gpio.sink import GpioSink
from edge.sinks.jsonl import JsonLinesSink
from edge.sinks.log import LogSink
from edge.sinks.retry import RetryingSink
from edge.sinks.screen.sink import ScreenSink
from edge.sinks.snapshot import SnapshotSink
from edge.types import (
    BoundingBox,
    Decision,
    Detection,
    Event,
    EventKind,
    FrameResult,
    Label,
    State,
    Track,
    TrackStatus,
)
from tests.boardtree import make_pi
from tests.builders import make_frame

BOX = BoundingBox(10, 8, 40, 40)


def make_result(state=State.PASS, index=0, at=0.0, events=(), frame=True, label=Label.WITH_MASK):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture = make_frame(index=index, at=at) if frame else None
    if picture is not None:
        picture.pixels[:] = noise
    track = Track(1, BOX, label, 0.91, 1.5, TrackStatus.CONFIRMED)
    decision = Decision(state, at, {Label.WITH_MASK: 1, Label.UNKNOWN: 0}, "because")
    return FrameResult(
        picture, (Detection(BOX, 0.8),), (track,), decision, tuple(events), {"detect": 4.0, "classify": 3.0}
    )


@pytest.fixture(
    params=["log", "jsonl file", "jsonl stdout", "snapshot", "background", "gpio", "screen", "retrying"]
)
def sink(request, tmp_path):
    makers = {
        "log": LogSink,
        "jsonl file": lambda: JsonLinesSink(str(tmp_path / "sub/events.jsonl"), every_frame=True),
        "jsonl stdout": lambda: JsonLinesSink("-"),
        "snapshot": lambda: SnapshotSink(tmp_path / "pictures"),
        "gpio": lambda: GpioSink(GpioConfig(red=17, green=22, relay=26, factory="mock")),
        "screen": lambda: ScreenSink(ScreenConfig(device="dummy")),
        "retrying": lambda: RetryingSink("log", LogSink),
        "background": lambda: BackgroundSink(SnapshotSink(tmp_path / "pictures")),
    }
    return makers[request.param]()


def test_contract(sink, capfd):
    check_contract(sink)


def check_contract(sink):
    """A sink has a name, takes results with and without a frame, changes nothing in them, and may be closed twice."""
    assert sink.name
    for index, state in enumerate(State):
        result = make_result(state, index, index * 0.1)
        before = result.frame.pixels.copy()
        sink.handle(result)
        sink.handle(make_result(State.UNCERTAIN, frame=False))
        assert np.array_equal(result.frame.pixels, before)
    sink.close()
    sink.close()


# --- log


def test_the_log_has_a_line_per_event_and_decision_and_none_per_frame(caplog):
    caplog.set_level(logging.INFO)
    sink = LogSink(summary_every_s=0)
    event = Event(EventKind.CHANGED, 7, Label.UNKNOWN, Label.WITH_MASK, 0.0)
    for index in range(50):
        sink.handle(make_result(index=index, at=index * 0.1, events=[event] if index == 3 else ()))
    assert [record.getMessage() for record in caplog.records] == [
        "PASS: because (1 with_mask)",
        "face 7: unknown -> with_mask",
    ]


def test_the_summary_comes_at_its_beat_with_rate_and_drops(caplog):
    caplog.set_level(logging.INFO)
    drops = iter([5, 9, 9])
    sink = LogSink(summary_every_s=2.0, drops=lambda: next(drops))
    for index in range(45):
        sink.handle(make_result(index=index, at=index * 0.1))
    lines = [record.getMessage() for record in caplog.records if "summary" in record.getMessage()]
    assert len(lines) == 2
    assert lines[0] == "summary: 21 frames, 10.0 fps, p90 7 ms, 0 new faces, 5 dropped"
    assert lines[1] == "summary: 20 frames, 10.0 fps, p90 7 ms, 0 new faces, 4 dropped"


def test_the_summary_comes_without_a_camera_too(caplog):
    caplog.set_level(logging.INFO)
    now = iter(range(100, 200))
    sink = LogSink(summary_every_s=5.0, clock=lambda: next(now))
    for _ in range(7):
        sink.handle(make_result(State.UNCERTAIN, frame=False))
    assert caplog.records[-1].getMessage() == "summary: 0 frames, 0.0 fps, p90 7 ms, 0 new faces, 0 dropped"


def test_the_summary_counts_faces_that_come_and_says_how_the_board_is(caplog, tmp_path):
    caplog.set_level(logging.INFO)
    sink = LogSink(
        summary_every_s=10.0, board=BoardWatch(make_pi(tmp_path, celsius=54.4, throttled="4", alarm=1))
    )
    for index in range(11):
        sink.handle(
            make_result(
                index=index,
                at=index,
                events=[Event(EventKind.NEW, index, None, Label.UNKNOWN, 0.0)] if index in (2, 5) else (),
            )
        )
    line = caplog.records[-1].getMessage()
    assert (
        line
        == "summary: 11 frames, 1.0 fps, p90 7 ms, 2 new faces, 0 dropped, 54 C, throttled, under-voltage, 100 MB"
    )


def test_a_lost_picture_is_a_warning(caplog):
    LogSink().handle(make_result(State.UNCERTAIN, frame=False))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_camera_that_comes_and_goes_is_a_warning_once_in_ten_minutes(caplog):
    caplog.set_level(logging.INFO)
    now = 0.0
    sink = LogSink(summary_every_s=0, clock=lambda: now)
    for now in (0.0, 30.0, 60.0, 600.0):
        sink.handle(make_result(State.UNCERTAIN, frame=False))
        sink.handle(make_result(State.IDLE, at=now + 10))
    levels = [record.levelname for record in caplog.records if "UNCERTAIN" in record.getMessage()]
    assert levels == ["WARNING", "INFO", "INFO", "WARNING"]


# --- JSON lines


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_lines_hold_what_changed(tmp_path):
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(str(path), wall_time=False)
    event = Event(EventKind.NEW, 1, None, Label.WITH_MASK, 0.0)
    for index in range(6):
        sink.handle(make_result(index=index, at=index / 10, events=[event] if index == 4 else ()))
    sink.handle(make_result(State.DENY, 6, 0.6))
    sink.close()
    lines = read_lines(path)
    assert [(line["frame"], line["decision"]["state"]) for line in lines] == [
        (0, "pass"),
        (4, "pass"),
        (6, "deny"),
    ]
    assert "time" not in lines[0]
    assert lines[0]["tracks"][0]["box"] == [10.0, 8.0, 40.0, 40.0]
    assert lines[1]["events"] == [{"kind": "new", "track": 1, "before": None, "after": "with_mask"}]


def test_live_lines_carry_the_time_of_day_and_all_frames_if_asked(tmp_path):
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(str(path), every_frame=True)
    for index in range(3):
        sink.handle(make_result(index=index))
    sink.close()
    assert len(read_lines(path)) == 3
    assert read_lines(path)[0]["time"].startswith("20")


def test_json_lines_are_appended(tmp_path):
    path = tmp_path / "a.jsonl"
    for _ in range(2):
        sink = JsonLinesSink(str(path))
        sink.handle(make_result())
        sink.close()
    assert len(read_lines(path)) == 2


def test_a_full_disk_loses_lines_not_the_loop(caplog):
    """/dev/full refuses every write with ENOSPC, as a full card does."""
    sink = JsonLinesSink("/dev/full", every_frame=True)
    for index in range(9):
        sink.handle(make_result(index=index))
    sink.close()
    assert sink.lost == 9
    messages = [record.getMessage() for record in caplog.records]
    assert "No space left on device" in messages[0]
    assert len(messages) == 5  # the 1st, 2nd, 4th and 8th loss, and the sum at the end
    assert messages[-1] == "/dev/full: 9 lines were lost"


def test_a_line_that_was_cut_by_a_full_disk_does_not_spoil_the_next(tmp_path, monkeypatch):
    import os

    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(str(path), every_frame=True)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:10]))
    sink.handle(make_result(index=0))
    monkeypatch.setattr(os, "write", real)
    sink.handle(make_result(index=1))
    sink.close()
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["frame"] == 1
    assert sink.lost == 1


def test_a_path_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="choose another path"):
        JsonLinesSink(str(tmp_path / "file" / "a.jsonl"))


# --- snapshots


def test_one_snapshot_per_new_decision_and_the_oldest_go(tmp_path):
    sink = SnapshotSink(tmp_path, keep=3)
    for index, state in enumerate(
        [State.IDLE, State.DENY, State.DENY, State.PASS, State.IDLE, State.DENY, State.PASS]
    ):
        sink.handle(make_result(state, index))
    names = sorted(path.name.rpartition("_")[2] for path in tmp_path.iterdir())
    assert names == ["deny.jpg", "pass.jpg", "pass.jpg"]


def test_snapshots_are_blurred_unless_asked_otherwise(tmp_path):
    result = make_result(State.DENY)
    SnapshotSink(tmp_path / "blurred").handle(result)
    SnapshotSink(tmp_path / "plain", blur=False).handle(result)
    inside = (slice(24, 38), slice(14, 38))
    blurred, plain = (
        read_picture(next((tmp_path / name).iterdir()))[inside].mean(axis=2) for name in ("blurred", "plain")
    )
    original = result.frame.pixels[inside].mean(axis=2)
    likeness = [np.corrcoef(part.ravel(), original.ravel())[0, 1] for part in (blurred, plain)]
    assert likeness[0] < 0.5 < 0.7 < likeness[1]


def test_blur_leaves_the_rest_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    out = blur_faces(pixels, [BoundingBox(20, 20, 40, 40)])
    assert np.array_equal(out[:15], pixels[:15])
    assert not np.array_equal(out[20:40, 20:40], pixels[20:40, 20:40])


@pytest.mark.parametrize(
    "box", [BoundingBox(0, 0, 64, 48), BoundingBox(60, 44, 64, 48), BoundingBox(0, 0, 1, 1)]
)
def test_annotation_fits_any_box(box):
    pixels = np.zeros((48, 64, 3), np.uint8)
    out = annotate(pixels, [(box, Label.WITHOUT_MASK, 0.5)])
    assert out.shape == pixels.shape
    assert out.any()
    assert not pixels.any()


# --- the background worker


class SlowSink:
    name = "slow"

    def __init__(self):
        self.seen, self.go, self.closed = [], threading.Event(), False

    def handle(self, result):
        self.go.wait(5)
        self.seen.append(result.frame.index)

    def close(self):
        self.closed = True


def test_a_slow_sink_holds_nobody_up_and_loses_the_oldest():
    slow = SlowSink()
    sink = BackgroundSink(slow, size=2)
    for index in range(10):
        sink.handle(make_result(index=index))
    slow.go.set()
    sink.close()
    assert slow.seen[-1] == 9
    assert sink.dropped >= 7
    assert slow.closed


def test_a_sink_that_fails_in_the_background_is_logged_and_goes_on(caplog):
    class Broken(SlowSink):
        def handle(self, result):
            self.seen.append(result.frame.index)
            raise SinkError("no room")

    broken = Broken()
    sink = BackgroundSink(broken)
    sink.handle(make_result(index=0))
    sink.handle(make_result(index=1))
    sink.close()
    assert broken.seen == [0, 1]
    assert "no room" in caplog.text


def test_a_sink_that_breaks_in_the_background_is_not_silent():
    class Broken(SlowSink):
        def handle(self, result):
            raise KeyError("font")

    broken = Broken()
    sink = BackgroundSink(broken)
    sink.handle(make_result())
    sink._thread.join(5)
    with pytest.raises(SinkError, match="KeyError: 'font'"):
        sink.handle(make_result())
    sink.close()
    assert broken.closed
