"""JSON lines: one object for each frame in which something changed, or for every frame."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from edge.config.option import option
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.sinks.entries import SCHEMA, decision_entry, event_entry, track_entry
from edge.sinks.lines import LineFile, LineQueue, Lines
from edge.types import Cause, FrameResult, State


@dataclass(frozen=True, slots=True)
class JsonLinesConfig:
    """Events as JSON, one object a line."""

    path: str = option("", "file that lines are appended to; -: stdout; empty: off")
    frames: str = option(
        "changes",
        "changes (one line for each event and decision), or all (one line for each frame)",
        choices=("changes", "all"),
    )


class JsonLinesSink:
    """Appends to a file or a named pipe, or writes to stdout for `-`.

    door: the door's name. live: lines carry the time of day and are written by a thread of its own, so that a
    reader that stops holds up nothing; lines of a file wait for their reader, and can be repeated to the
    byte. Raises SinkError where the file cannot be opened.
    """

    name = "jsonl"

    def __init__(self, config: JsonLinesConfig, door: str = "door", live: bool = True) -> None:
        self._door, self._live = door, live
        self._every_frame = config.frames == "all"
        self._last: tuple[State, Cause, str, str | None] | None = None
        file = LineFile(config.path)
        self._lines: Lines = LineQueue(file, config.path) if live else file

    @property
    def lost(self) -> int:
        return self._lines.lost

    def handle(self, result: FrameResult) -> None:
        decision = result.decision
        state = decision.state, decision.cause, decision.detail, result.degraded
        if self._every_frame or result.events or state != self._last:
            text = json.dumps(self._entry(result), ensure_ascii=False)
            self._lines.write(text.encode("utf-8", "backslashreplace") + b"\n")
        self._last = state

    def close(self) -> None:
        self._lines.close()

    def _entry(self, result: FrameResult) -> dict[str, Any]:
        entry: dict[str, Any] = {"schema": SCHEMA, "door": self._door}
        if self._live:
            entry["time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if result.frame is not None:
            entry |= {"frame": result.frame.index, "at": round(result.frame.captured_at, 3)}
            if result.frame.file:
                entry["file"] = result.frame.file
        entry["decision"] = decision_entry(result.decision)
        if result.degraded:
            entry["degraded"] = result.degraded
        entry["events"] = [event_entry(event) for event in result.events]
        entry["tracks"] = [track_entry(track) for track in result.tracks]
        return entry


def _is_on(config: JsonLinesConfig) -> bool:
    return bool(config.path)


def _build(config: JsonLinesConfig, door: Surroundings) -> Sink:
    return JsonLinesSink(config, door.door, live=door.live)


def _switch_on(config: JsonLinesConfig) -> JsonLinesConfig:
    return config if config.path else replace(config, path="-")


KIND = SinkKind("jsonl", JsonLinesConfig, _is_on, _build, _switch_on, must_open=True)
