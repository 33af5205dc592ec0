"""What goes out as lines: JSON lines, the log as JSON, the state of the service."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from edge.host.logs import LogHandler, _JournalFormatter, _JsonFormatter
from edge.host.service_state import StateFile, read_state, service_state
from edge.sinks.jsonl import JsonLinesConfig, JsonLinesSink
from edge.types import (
    BoundingBox,
    Cause,
    Decision,
    Event,
    EventKind,
    Frame,
    FrameResult,
    Label,
    State,
    Track,
    TrackStatus,
)
from tests.fuzz.addresses import secret_address
from tests.fuzz.odd import odd_text
from tests.fuzz.target import Target, made

PIXELS = np.zeros((2, 2, 3), np.uint8)


def said(random: Random) -> str:
    """What a driver, a file's name or a library may bring into a message."""
    if random.random() < 0.5:
        return odd_text(random)
    address = secret_address(random)[0].strip()
    return random.choice(('"{}"', "'{}'", "[{}]", "{}\\", "({}).", "a {} b", "{}", '{{"a": "{}"}}')).format(
        address
    )


def results(random: Random) -> list[list[Any]]:
    """File, detail, degraded, boxes and times of some results."""
    count = random.randint(1, 3)
    return [[said(random), said(random), said(random), random.uniform(-1e9, 1e9)] for _ in range(count)]


def _result(index: int, file: str, detail: str, degraded: str, number: float) -> FrameResult:
    box = BoundingBox(number, -number, number * 1e3, 1.0)
    track = Track(index, box, Label.UNKNOWN, 0.5, abs(number), TrackStatus.CONFIRMED)
    event = Event(EventKind.NEW, index, None, Label.UNKNOWN, number)
    decision = Decision(State.UNCERTAIN, number, {Label.UNKNOWN: 1}, Cause.CAMERA_LOST, detail)
    frame = Frame(PIXELS, index, number, "test", file=file)
    return FrameResult(frame, (), (track,), decision, (event,), degraded=degraded)


def feed_lines(data: bytes) -> None:
    """Each result is one line of valid JSON, in UTF-8."""
    entries = json.loads(data)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        sink = JsonLinesSink(JsonLinesConfig(str(path), "all"), live=False)
        for index, entry in enumerate(entries):
            sink.handle(_result(index, *entry))
        sink.close()
        check_lines(path.read_bytes().decode("utf-8"), len(entries))


def feed_state_file(data: bytes) -> None:
    """The state that a service writes can be read."""
    for entry in json.loads(data):
        state = service_state(_result(0, *entry), 9.5)
        with TemporaryDirectory() as folder:
            place = Path(folder) / "run" / "mask-edge"
            place.mkdir(parents=True)
            StateFile(place).write(state)
            assert read_state(Path(folder)) == state


def feed_log(data: bytes) -> None:
    """Each line of the log is one line of valid JSON; in the journal, every line has its priority."""
    texts: Sequence[str] = [detail for _, detail, *_ in json.loads(data)]
    lines, journal = io.StringIO(), io.StringIO()
    for stream, formatter in ((lines, _JsonFormatter()), (journal, _JournalFormatter(_JsonFormatter()))):
        handler = LogHandler(stream)
        handler.setFormatter(formatter)
        for text in texts:
            record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "%s", (text,), None)
            record.never_held_back = True
            handler.handle(record)
    check_lines(lines.getvalue(), len(texts))
    journalled = journal.getvalue()
    assert journalled.count("<3>{") == len(texts)
    check_lines(journalled.replace("<3>{", "{"), len(texts))


def check_lines(text: str, count: int) -> None:
    """As many lines as there were results; strict JSON, without NaN."""
    lines = text.split("\n")
    assert lines.pop() == ""
    assert len(lines) == count, lines
    for line in lines:
        json.loads(line, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


TARGETS = (
    Target("lines", made(results), feed_lines),
    Target("state-file", made(results), feed_state_file),
    Target("log", made(results), feed_log),
)
