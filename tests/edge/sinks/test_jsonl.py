"""JSON lines: what they hold, and a full disk."""

import json
from pathlib import Path

import pytest

from edge.errors import SinkError
from edge.sinks.jsonl import JsonLinesConfig, JsonLinesSink
from edge.types import (
    Event,
    EventKind,
    Label,
    State,
)
from tests.edge.sinks.builders import make_result


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_lines_hold_what_changed(tmp_path):
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(JsonLinesConfig(str(path)), "front", live=False)
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
    assert all((line["schema"], line["door"]) == (1, "front") for line in lines)
    assert lines[0]["decision"] == {
        "state": "pass",
        "cause": "looking",
        "reason": "because",
        "counts": {"with_mask": 1},
    }
    assert lines[0]["tracks"][0]["box"] == [10.0, 8.0, 40.0, 40.0]
    assert lines[1]["events"] == [{"kind": "new", "track": 1, "before": None, "after": "with_mask"}]


def test_live_lines_carry_the_time_of_day_and_all_frames_if_asked(tmp_path):
    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(JsonLinesConfig(str(path), "all"))
    for index in range(3):
        sink.handle(make_result(index=index))
    sink.close()
    assert len(read_lines(path)) == 3
    assert read_lines(path)[0]["time"].startswith("20")


def test_json_lines_are_appended(tmp_path):
    path = tmp_path / "a.jsonl"
    for _ in range(2):
        sink = JsonLinesSink(JsonLinesConfig(str(path)))
        sink.handle(make_result())
        sink.close()
    assert len(read_lines(path)) == 2


def test_a_full_disk_loses_lines_not_the_loop(caplog):
    """/dev/full refuses every write with ENOSPC, as a full card does."""
    sink = JsonLinesSink(JsonLinesConfig("/dev/full", "all"), live=False)
    for index in range(9):
        sink.handle(make_result(index=index))
    sink.close()
    assert sink.lost == 9
    messages = [record.getMessage() for record in caplog.records]
    assert "No space left on device" in messages[0]
    assert len(messages) == 5  # the 1st, 2nd, 4th and 8th loss, and the sum at the end
    assert messages[-1] == "/dev/full: 9 lines were lost"


def test_a_line_that_was_cut_by_a_full_disk_does_not_spoil_the_next(tmp_path, monkeypatch):
    import errno
    import os

    path = tmp_path / "a.jsonl"
    sink = JsonLinesSink(JsonLinesConfig(str(path), "all"), live=False)
    real = os.write
    taken = []

    def full_after_ten_bytes(descriptor, data):
        if taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(data)
        return real(descriptor, data[:10])

    monkeypatch.setattr(os, "write", full_after_ten_bytes)
    sink.handle(make_result(index=0))
    monkeypatch.setattr(os, "write", real)
    sink.handle(make_result(index=1))
    sink.close()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == [1]
    assert sink.lost == 1


def test_a_path_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="choose another path"):
        JsonLinesSink(JsonLinesConfig(str(tmp_path / "file" / "a.jsonl")))
