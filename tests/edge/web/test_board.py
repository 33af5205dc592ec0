"""The board: the newest result, what changed, and the figures."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.counts import Counts
from edge.types import State
from edge.web.board import CHANGES_KEPT, RATE_S, TIMES_KEPT, Board
from edge.web.sensors import SensorCache
from edge.web.state import StateWriter, change_entry
from tests.edge.sinks.builders import make_result


class Time:
    """A clock of seconds and the machine's clock, which tests turn on together."""

    def __init__(self):
        self.seconds = 100.0
        self.start = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

    def clock(self):
        return self.seconds

    def now(self):
        return self.start + timedelta(seconds=self.seconds - 100)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def board(time):
    return Board("front", Counts(), time.clock, time.now)


def test_before_the_first_result_there_is_nothing(board, time):
    time.seconds += 7
    assert board.seen is None
    assert board.changes() == []
    assert (board.fps(), board.p90_ms(), board.last_frame, board.age_s) == (0.0, None, None, 7.0)


def test_the_newest_result_stands_there_with_its_number(board, time):
    for index in range(3):
        board.add(make_result(index=index))
        time.seconds += 1
    assert (board.seen.number, board.seen.result.frame.index) == (3, 2)
    assert board.age_s == 1


def test_a_state_counts_from_when_it_began(board, time):
    for state in (State.DENY, State.DENY, State.PASS, State.PASS):
        board.add(make_result(state))
        time.seconds += 10
    assert board.seen.since == time.start + timedelta(seconds=20)


def test_changes_are_told_once_and_kept(board, time):
    assert board.add(make_result(State.IDLE))
    assert not board.add(make_result(State.IDLE))
    assert board.add(make_result(State.DENY))
    assert [change.decision.state for change in board.changes()] == [State.IDLE, State.DENY]
    assert [change.number for change in board.changes(since=1)] == [2]
    assert board.changes(since=99) == []
    assert board.last_change == 2
    entry = change_entry(board.changes()[1])
    assert (entry["id"], entry["at"], entry["state"]) == (2, "2026-01-01T12:00:00.000+00:00", "deny")
    assert {"cause", "reason", "counts"} < set(entry)


def test_the_memory_for_changes_and_times_is_bounded(board):
    for index in range(CHANGES_KEPT + 20):
        board.add(make_result(State.DENY if index % 2 else State.PASS))
    assert len(board.changes()) == CHANGES_KEPT
    assert board.changes()[0].number == 21
    assert len(board._times_ms) == TIMES_KEPT


def test_the_rate_is_that_of_the_last_seconds(board, time):
    for _ in range(40):
        time.seconds += 0.25
        board.add(make_result())
    assert board.fps() == pytest.approx(4, abs=0.3)
    time.seconds += RATE_S + 1
    assert board.fps() == 0


def test_a_lost_camera_counts_no_frame(board, time):
    board.add(make_result())
    time.seconds += 9
    board.add(make_result(State.UNCERTAIN, frame=False))
    assert board.last_frame == time.start
    assert board.fps() == 0


def test_times_and_stages(board):
    for _ in range(10):
        board.add(make_result())  # detect 4 ms, classify 3 ms
    assert board.p90_ms() == 7
    histogram = board.stages()["detect"]
    assert histogram.sum_s == pytest.approx(0.04)
    assert histogram.cumulative() == [0, 0, 10, 10, 10, 10, 10, 10, 10, 10, 10]


def test_the_state_has_the_keys_of_a_json_line_and_those_of_the_picture(board, tmp_path):
    writer = StateWriter(board, SensorCache(tmp_path), "blurred")
    empty = writer.state(None, 0)
    assert "decision" not in empty
    board.add(make_result(State.DENY, index=5))
    state = writer.state(board.seen, 2)
    assert {"schema", "door", "time", "frame", "decision", "tracks"} < set(state)
    assert (state["frame"], state["width"], state["height"]) == (5, 64, 48)
    assert state["decision"]["cause"] == "looking"
    assert state["tracks"][0]["box"] == [10, 8, 40, 40]
    assert (state["viewers"], state["pictures"], state["problem"]) == (2, "blurred", None)
    assert set(empty) < set(state)


def test_the_state_of_a_lost_camera_says_why(board, tmp_path):
    board.add(make_result(State.UNCERTAIN, frame=False))
    state = StateWriter(board, SensorCache(tmp_path), "none").state(board.seen, 0)
    assert (state["frame"], state["width"]) == (None, None)


def test_sensors_are_read_at_most_every_few_seconds(tmp_path):
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal")
    (zone / "temp").write_text("51000")
    now = [0.0]
    cache = SensorCache(tmp_path, lambda: now[0])
    assert cache.read().sensors.temperature_c == 51
    (zone / "temp").write_text("62000")
    now[0] = 4
    assert cache.read().sensors.temperature_c == 51
    now[0] = 6
    assert cache.read().sensors.temperature_c == 62
