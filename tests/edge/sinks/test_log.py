"""The log: a line per event and decision, a summary at its beat."""

import logging

from edge.counts import Counts
from edge.host.watch import BoardWatch
from edge.sinks.log import LogConfig, LogSink
from edge.types import (
    Event,
    EventKind,
    Label,
    State,
)
from tests.boardtree import make_pi
from tests.edge.sinks.builders import make_result


class Told:
    """A log sink that gets each result as the loop gives it: counted first."""

    def __init__(self, every=0.0, drops=lambda: 0, **options):
        self.counts, self.drops, self.clock = Counts(), drops, options.get("clock", lambda: 0.0)
        self.sink = LogSink(
            LogConfig(summary_every_s=every), self.counts, **options | {"clock": lambda: self.now}
        )

    def handle(self, result):
        self.now = self.clock() if result.frame is None else result.frame.captured_at
        self.counts.add(result, self.now, self.drops())
        self.sink.handle(result)


def test_the_log_has_a_line_per_event_and_decision_and_none_per_frame(caplog):
    caplog.set_level(logging.INFO)
    sink = Told()
    event = Event(EventKind.CHANGED, 7, Label.UNKNOWN, Label.WITH_MASK, 0.0)
    for index in range(50):
        sink.handle(make_result(index=index, at=index * 0.1, events=[event] if index == 3 else ()))
    assert [record.getMessage() for record in caplog.records] == [
        "PASS: because (1 with_mask)",
        "face 7: unknown -> with_mask",
    ]


def test_the_summary_comes_at_its_beat_with_rate_and_drops(caplog):
    caplog.set_level(logging.INFO)
    drops = iter([5] * 21 + [9] * 24)
    sink = Told(2.0, lambda: next(drops))
    for index in range(45):
        sink.handle(make_result(index=index, at=index * 0.1))
    lines = [record.getMessage() for record in caplog.records if "summary" in record.getMessage()]
    assert len(lines) == 2
    assert lines[0] == "summary: 21 frames, 10.0 fps, p90 7 ms, 0 new faces, 5 dropped"
    assert lines[1] == "summary: 20 frames, 10.0 fps, p90 7 ms, 0 new faces, 4 dropped"


def test_the_summary_comes_without_a_camera_too(caplog):
    caplog.set_level(logging.INFO)
    now = iter(range(100, 200))
    sink = Told(5.0, clock=lambda: next(now))
    for _ in range(7):
        sink.handle(make_result(State.UNCERTAIN, frame=False))
    assert caplog.records[-1].getMessage() == "summary: 0 frames, 0.0 fps, p90 7 ms, 0 new faces, 0 dropped"


def test_the_summary_counts_faces_that_come_and_says_how_the_board_is(caplog, tmp_path):
    caplog.set_level(logging.INFO)
    sink = Told(10.0, board=BoardWatch(make_pi(tmp_path, celsius=54.4, throttled="4", alarm=1)))
    for index in range(11):
        sink.handle(
            make_result(
                index=index,
                at=index,
                events=[Event(EventKind.NEW, index, None, Label.UNKNOWN, 0.0)] if index in (2, 5) else (),
            )
        )
    line = caplog.records[-1].getMessage()
    assert line == (
        "summary: 11 frames, 1.0 fps, p90 7 ms, 2 new faces, 0 dropped, "
        "54 C, throttled, under-voltage, 100 MB"
    )


def test_a_lost_picture_is_a_warning(caplog):
    Told().handle(make_result(State.UNCERTAIN, frame=False))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_camera_that_comes_and_goes_is_a_warning_once_in_ten_minutes(caplog):
    caplog.set_level(logging.INFO)
    now = 0.0
    sink = Told(clock=lambda: now)
    for now in (0.0, 30.0, 60.0, 600.0):
        sink.handle(make_result(State.UNCERTAIN, frame=False))
        sink.handle(make_result(State.IDLE, at=now + 10))
    levels = [record.levelname for record in caplog.records if "UNCERTAIN" in record.getMessage()]
    assert levels == ["WARNING", "INFO", "INFO", "WARNING"]
