"""JSON lines: one object for each frame in which something changed, or for every frame."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.config.option import option
from edge.errors import SinkError
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.types import BoundingBox, Cause, Decision, Event, FrameResult, State, Track

log = logging.getLogger(__name__)

SCHEMA = 1
"""Version of the line's keys. New keys may come without a new number; no key goes or changes its meaning."""


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
    """Appends lines to a file, or writes them to stdout for `-`.

    A line that cannot be written (disk full) is lost: `lost` counts such lines, and the log tells of them.

    door: the door's name.
    wall_time: stamp each line with the time of day. False for files: then a run can be repeated to the byte.
    Raises SinkError where the file cannot be opened.
    """

    name = "jsonl"

    def __init__(self, config: JsonLinesConfig, door: str = "door", wall_time: bool = True) -> None:
        self.lost = 0
        self._path, self._door, self._wall_time = config.path, door, wall_time
        self._every_frame = config.frames == "all"
        self._last: tuple[State, Cause, str, str | None] | None = None
        self._broken_line = False
        self._descriptor = _open(config.path)

    def handle(self, result: FrameResult) -> None:
        decision = result.decision
        state = decision.state, decision.cause, decision.detail, result.degraded
        if self._every_frame or result.events or state != self._last:
            self._write(json.dumps(self._entry(result), ensure_ascii=False).encode() + b"\n")
        self._last = state

    def close(self) -> None:
        if self._descriptor > 2:
            os.close(self._descriptor)
            if self.lost:
                log.error("%s: %d lines were lost", self._path, self.lost)
        self._descriptor = -1

    def _entry(self, result: FrameResult) -> dict[str, Any]:
        entry: dict[str, Any] = {"schema": SCHEMA, "door": self._door}
        if self._wall_time:
            entry["time"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if result.frame is not None:
            entry |= {"frame": result.frame.index, "at": round(result.frame.captured_at, 3)}
            if result.frame.file:
                entry["file"] = result.frame.file
        entry["decision"] = decision_entry(result.decision)
        if result.degraded:
            entry["degraded"] = result.degraded
        entry["events"] = [_event_entry(event) for event in result.events]
        entry["tracks"] = [_track_entry(track) for track in result.tracks]
        return entry

    def _write(self, line: bytes) -> None:
        data = b"\n" + line if self._broken_line else line
        try:
            written = os.write(self._descriptor, data)
            if written == len(data):
                self._broken_line = False
                return
            self._broken_line, cause = True, "only a part could be written"
        except BrokenPipeError:
            raise  # nobody reads stdout any more: the program has no reader left
        except OSError as error:
            cause = error.strerror or str(error)
        self._count_lost(cause)

    def _count_lost(self, cause: str) -> None:
        """Log the 1st, 2nd, 4th, 8th ... lost line: the log must not fill what is left of the disk."""
        self.lost += 1
        if self.lost & (self.lost - 1) == 0:
            log.error("%s: %s; %d lines lost so far, the loop goes on", self._path, cause, self.lost)


def _open(path: str) -> int:
    if path == "-":
        sys.stdout.flush()
        return 1
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError as error:
        raise SinkError(
            f"{path}: cannot be written ({error.strerror})", "choose another path for --jsonl"
        ) from error


def decision_entry(decision: Decision) -> dict[str, Any]:
    """A decision for JSON: `cause` for machines, `reason` for people; labels without a face are left out."""
    return {
        "state": decision.state,
        "cause": decision.cause,
        "reason": decision.reason,
        "counts": {label: count for label, count in decision.counts.items() if count},
    }


def _event_entry(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "track": event.track_id,
        "before": event.before,
        "after": event.after,
    }


def _track_entry(track: Track) -> dict[str, Any]:
    return {
        "track": track.track_id,
        "box": box_entry(track.box),
        "label": track.label,
        "confidence": round(track.confidence, 4),
        "age_s": round(track.age_s, 3),
        "status": track.status,
    }


def box_entry(box: BoundingBox) -> list[float]:
    """[xmin, ymin, xmax, ymax], px, rounded to tenths."""
    return [round(value, 1) for value in (box.xmin, box.ymin, box.xmax, box.ymax)]


def _is_on(config: JsonLinesConfig) -> bool:
    return bool(config.path)


def _build(config: JsonLinesConfig, door: Surroundings) -> Sink:
    return JsonLinesSink(config, door.door, wall_time=door.live)


def _switch_on(config: JsonLinesConfig) -> JsonLinesConfig:
    return config if config.path else replace(config, path="-")


KIND = SinkKind("jsonl", JsonLinesConfig, _is_on, _build, _switch_on, must_open=True)
