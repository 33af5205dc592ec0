"""What the door says now, as JSON: for the page's socket and for `/api/v1/state`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from edge import __version__
from edge.host.service_state import service_state
from edge.sinks.entries import SCHEMA, decision_entry, track_entry
from edge.sinks.message import message_for
from edge.web.board import Board, Change, Seen
from edge.web.sensors import SensorCache


class StateWriter:
    """Makes the JSON objects. pictures: the configured kind, which the page tells people."""

    def __init__(self, board: Board, sensors: SensorCache, pictures: str) -> None:
        self._board, self._sensors, self._pictures = board, sensors, pictures

    def state(self, seen: Seen | None, viewers: int) -> dict[str, Any]:
        """The state after one result; before the first one, the keys about it are missing.

        viewers: number of those who watch.
        """
        board = self._board
        return {
            "schema": SCHEMA,
            "type": "state",
            "door": board.door,
            "version": __version__,
            "time": stamp(datetime.now(UTC)),
            **({} if seen is None else self._of_result(seen)),
            "fps": round(board.fps(), 1),
            "p90_ms": _rounded(board.p90_ms()),
            "totals": self._totals(),
            "board": self._health(),
            "viewers": viewers,
            "pictures": self._pictures,
            "last_event": board.last_change,
        }

    def _of_result(self, seen: Seen) -> dict[str, Any]:
        result = seen.result
        frame, good = result.frame, service_state(result, None).good_frames
        return {
            "number": seen.number,
            "frame": frame.index if frame else None,
            "width": frame.width if frame else None,
            "height": frame.height if frame else None,
            "decision": {**decision_entry(result.decision), "since": stamp(seen.since)},
            "message": message_for(result).title,
            "problem": None if good else result.decision.reason,
            "degraded": result.degraded,
            "tracks": [track_entry(track) for track in result.tracks],
        }

    def _totals(self) -> dict[str, Any]:
        counts = self._board.counts
        return {
            "frames": counts.frames,
            "dropped": counts.dropped,
            "new_faces": counts.new_faces,
            "decisions": dict(counts.decisions),
        }

    def _health(self) -> dict[str, Any]:
        health = self._sensors.read()
        return {
            "temperature_c": _rounded(health.sensors.temperature_c),
            "throttled": health.sensors.throttled,
            "under_voltage": health.sensors.under_voltage,
            "memory_mb": _rounded(health.memory_mb),
        }


def change_entry(change: Change) -> dict[str, Any]:
    """A new decision, for `/api/v1/events`."""
    return {"id": change.number, "at": stamp(change.at), **decision_entry(change.decision)}


def stamp(at: datetime) -> str:
    """A time as JSON lines have it."""
    return at.isoformat(timespec="milliseconds")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
