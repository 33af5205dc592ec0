"""What happened at the door is counted once, and everybody who tells of it reads these counts."""

import pytest

from edge.counts import Counts, Totals
from edge.types import Event, EventKind, Label, State
from tests.edge.sinks.builders import make_result

NEW = Event(EventKind.NEW, 1, None, Label.UNKNOWN, 0.0)
ENDED = Event(EventKind.ENDED, 1, Label.WITH_MASK, None, 0.0)


def test_frames_faces_and_new_faces_are_counted():
    counts = Counts()
    counts.add(make_result(events=(NEW, NEW, ENDED)), 1.0)
    counts.add(make_result(events=(ENDED,)), 2.0)
    assert (counts.frames, counts.faces, counts.new_faces) == (2, 2, 2)


def test_a_result_without_a_frame_is_no_frame():
    counts = Counts()
    counts.add(make_result(frame=False), 1.0)
    assert (counts.frames, counts.at) == (0, 1.0)


def test_a_state_is_counted_when_it_begins():
    counts = Counts()
    for now, state in enumerate((State.IDLE, State.IDLE, State.PASS, State.IDLE, State.PASS, State.PASS)):
        counts.add(make_result(state), float(now))
    assert counts.decisions == {State.IDLE: 2, State.PASS: 2}


def test_dropped_is_what_the_source_has_dropped_so_far():
    counts = Counts()
    counts.add(make_result(), 1.0, dropped=3)
    counts.add(make_result(), 2.0, dropped=5)
    assert counts.totals().dropped == 5


def test_a_rate_is_intervals_over_seconds_and_not_frames():
    """Eleven frames at 0.1 s: ten intervals in one second."""
    counts = Counts()
    for index in range(11):
        counts.add(make_result(index=index), 100.0 + index / 10)
    assert counts.totals().since(Totals(at=100.0)).fps == pytest.approx(10.0)


def test_the_first_frame_after_a_loss_ends_an_interval():
    counts = Counts()
    counts.add(make_result(frame=False), 0.0)
    counts.add(make_result(), 1.0)
    assert (counts.frames, counts.intervals) == (1, 1)


def test_a_difference_holds_only_what_came_after():
    counts = Counts()
    counts.add(make_result(events=(NEW,)), 10.0, dropped=1)
    before = counts.totals()
    counts.add(make_result(events=(NEW,)), 12.0, dropped=4)
    assert counts.totals().since(before) == Totals(2.0, 1, 1, 1, 3)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_rate_where_no_time_has_passed(seconds):
    assert Totals(at=seconds, intervals=5).fps == 0.0


def test_before_the_first_result_all_is_zero():
    assert Counts().totals() == Totals()
