"""What is sent to machines as JSON: the same keys in a JSON line, over HTTP and in every other place."""

from __future__ import annotations

from typing import Any

from edge.types import BoundingBox, Decision, Event, Track

SCHEMA = 1
"""Version of the keys. New keys may come without a new number; no key goes or changes its meaning."""


def decision_entry(decision: Decision) -> dict[str, Any]:
    """A decision: `cause` for machines, `reason` for people; labels without a face are left out."""
    return {
        "state": decision.state,
        "cause": decision.cause,
        "reason": decision.reason,
        "counts": {label: count for label, count in decision.counts.items() if count},
    }


def event_entry(event: Event) -> dict[str, Any]:
    """What happened to a track."""
    return {
        "kind": event.kind,
        "track": event.track_id,
        "before": event.before,
        "after": event.after,
    }


def track_entry(track: Track) -> dict[str, Any]:
    """One face."""
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
