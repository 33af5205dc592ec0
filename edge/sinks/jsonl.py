"""JSON lines: one object for each frame in which something changed, or for every frame."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.errors import SinkError
from edge.types import BoundingBox, FrameResult, State, Track

log = logging.getLogger(__name__)


class JsonLinesSink:
    """Appends to a file, or writes to stdout for `-`. A write that fails (disk full) loses its line: `lost` counts them, and the log says so.

    every_frame: also frames in which nothing changed. wall_time: stamp lines with the time of day; left out for files, so that a run can be
    repeated to the byte. Raises SinkError where the file cannot be opened.
    """

    name = "jsonl"

    def __init__(self, path: str, every_frame: bool = False, wall_time: bool = True) -> None:
        self.lost = 0
        self._path, self._every_frame, self._wall_time = path, every_frame, wall_time
        self._last: tuple[State, str, str] | None = None
        self._broken_line = False
        self._descriptor = _open(path)

    def handle(self, result: FrameResult) -> None:
        decision = (result.decision.state, result.decision.reason, result.degraded)
        if self._every_frame or result.events or decision != self._last:
            self._write(json.dumps(self._entry(result), ensure_ascii=False).encode() + b"\n")
        self._last = decision

    def close(self) -> None:
        if self._descriptor > 2:
            os.close(self._descriptor)
            if self.lost:
                log.error("%s: %d lines were lost", self._path, self.lost)
        self._descriptor = -1

    def _entry(self, result: FrameResult) -> dict[str, Any]:
        frame = result.frame
        entry: dict[str, Any] = (
            {"time": datetime.now(UTC).isoformat(timespec="milliseconds")} if self._wall_time else {}
        )
        if frame is not None:
            entry |= {"frame": frame.index, "at": round(frame.captured_at, 3)}
            if frame.file:
                entry["file"] = frame.file
        decision = result.decision
        entry["decision"] = {
            "state": decision.state,
            "reason": decision.reason,
            "counts": {k: n for k, n in decision.counts.items() if n},
        }
        if result.degraded:
            entry["degraded"] = result.degraded
        entry["events"] = [
            {"kind": e.kind, "track": e.track_id, "before": e.before, "after": e.after} for e in result.events
        ]
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
            raise  # nobody reads stdout any more: there is nothing to go on for
        except OSError as error:
            cause = error.strerror or str(error)
        self.lost += 1
        if (
            self.lost & (self.lost - 1) == 0
        ):  # the 1st, 2nd, 4th, 8th ...: the log must not fill what the disk has left
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
            f"{path}: cannot be written ({error.strerror}); choose another path for --jsonl"
        ) from error


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
