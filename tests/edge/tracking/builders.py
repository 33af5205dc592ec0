"""Steps that bring a tracker into the state a test begins with."""

from edge.tracking import Tracker
from edge.types import BoundingBox, Detection, Label
from tests.builders import make_detection, make_verdict

STEP = 0.125
"""Seconds from one frame to the next: a power of two, so that sums are exact and can meet a limit."""

WINDOW = 8
"""Score vectors that the tracker averages."""


def face_at(
    x: float, y: float = 0.0, width: float = 40.0, height: float = 40.0, score: float = 0.9
) -> Detection:
    """A detection by its upper left corner."""
    return Detection(BoundingBox(x, y, x + width, y + height), score)


def face_around(x: float, y: float, width: float, height: float, score: float = 0.9) -> Detection:
    """A detection by its centre."""
    return face_at(x - width / 2, y - height / 2, width, height, score)


def confirm(tracker: Tracker, *detections: Detection, start: float = 0.0) -> float:
    """Show these for three frames, which confirms them. Returns the time of the last frame."""
    for i in range(3):
        tracker.update(detections, start + i * STEP)
    return start + 2 * STEP


def stay(tracker: Tracker, *detections: Detection, start: float, end: float) -> None:
    """Show these in every frame of a time, its end left out: a hole in time would end their tracks."""
    for i in range(round((end - start) / STEP)):
        tracker.update(detections, start + i * STEP)


def look(
    tracker: Tracker, label: Label, now: float, track_id: int = 1, votes: int = WINDOW, score: float = 0.9
) -> None:
    """Let the classifier say this label, at one moment; the default fills the whole window with it."""
    for _ in range(votes):
        tracker.vote(track_id, make_verdict(label, score), now)


def settle(tracker: Tracker, label: Label, frames: int, start: float, x: float = 10) -> float:
    """Show one face for some frames, all classified alike; returns the next time."""
    now = start
    for _ in range(frames):
        tracker.update([make_detection(x)], now)
        for track in tracker.due(now, budget=4, settled_every_s=0):
            tracker.vote(track.track_id, make_verdict(label), now)
        now += STEP
    return now
