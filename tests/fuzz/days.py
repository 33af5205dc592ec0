"""Detections, verdicts and moments of a day at a door, with clocks that jump, into tracker and policy.

What the door says is compared with a record kept here of what each face was ever said to be.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

from edge.config.tables import DecisionConfig
from edge.decision import Policy
from edge.tracking import LOST_AFTER_S, MIN_VOTES, Tracker
from edge.types import (
    BoundingBox,
    Cause,
    Classification,
    Decision,
    Detection,
    Event,
    EventKind,
    Label,
    Problem,
    State,
    Track,
    TrackStatus,
    is_hole,
)
from tests.fuzz.target import Target, made

CLASSES = (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
STEPS = (0.0, 0.03, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.7, 1.4, 1.6, 3.0, 3600.0, -0.1, -2.0, -3600.0)
SIZES = (0.0, 1.0, 10.0, 40.0, 60.0, 80.0, 120.0, 400.0, 1e6)


def day(random: Random) -> dict[str, Any]:
    """Settings, and what each frame brings: [step s, fails, [[x, y, size, score], ...], [scores, ...]]."""
    people = [
        [random.uniform(0, 600), random.uniform(0, 400), random.choice(SIZES)]
        for _ in range(random.randint(1, 4))
    ]
    settings = {
        "hold_s": random.choice((0.0, 0.3, 0.5, 5.0)),
        "min_on_s": random.choice((0.0, 0.8, 5.0)),
        "min_face_px": random.choice((1.0, 24.0, 100.0)),
        "max_faces": random.choice((0, 0, 1, 2)),
    }
    wild = random.choice((0.0, 0.02, 0.3))
    mood = [random.choice(range(3)) for _ in people]
    frames = [_frame(random, people, mood, wild) for _ in range(random.randint(5, 50))]
    return {
        "settings": settings,
        "sure": random.choice((0.0, 0.6)),
        "budget": random.randint(1, 3),
        "frames": frames,
    }


def _frame(random: Random, people: list[list[float]], mood: list[int], wild: float) -> list[Any]:
    step = random.choice(STEPS) if random.random() < wild else 0.1
    faces, verdicts = [], []
    for number, (x, y, size) in enumerate(people):
        if random.random() < 0.05:
            mood[number] = random.randrange(3)
        if random.random() < wild:
            people[number] = [random.uniform(-1e6, 1e6), y, random.choice(SIZES)]
        if random.random() < 0.9:
            faces.append([x + random.uniform(-4, 4), y, size, random.choice((0.2, 0.5, 0.9, 1.0))])
        verdicts.append([random.random() + 2 * (index == mood[number]) for index in range(3)])
    return [step, random.random() < wild / 4, faces, verdicts]


@dataclass
class _Known:
    """What was ever said of one face, and where its chain of events has come to."""

    votes: list[Classification] = field(default_factory=list)
    label: Label | None = None
    """By its events; None before the first."""
    ended: bool = False
    seen_at: float = 0.0


class _Record:
    """Watches tracker and policy from outside."""

    def __init__(self, config: DecisionConfig) -> None:
        self.config = config
        self.faces: dict[int, _Known] = defaultdict(_Known)
        self.before: Decision | None = None
        self.at = 0.0

    def note_events(self, events: list[Event]) -> None:
        for event in events:
            face = self.faces[event.track_id]
            assert not face.ended, f"{event}: it has ended before"
            if event.kind is EventKind.NEW:
                assert face.label is None, f"{event}: it is not new"
            else:
                assert face.label is not None, f"{event}: it was never new"
                assert event.before is face.label, f"{event}: it was {face.label}"
            face.label, face.ended = event.after, event.kind is EventKind.ENDED

    def check_tracks(self, tracks: list[Track]) -> None:
        numbers = [track.track_id for track in tracks]
        assert len(set(numbers)) == len(numbers), numbers
        for track in tracks:
            face = self.faces[track.track_id]
            confirmed = track.status is TrackStatus.CONFIRMED
            assert not face.ended, f"{track} has ended"
            assert not confirmed or face.label is track.label, f"{track}: its events say {face.label}"
            assert track.age_s >= 0 and -1e-9 <= track.confidence <= 1 + 1e-9, track
            assert track.label is Label.UNKNOWN or self.voted(track, track.label), f"{track}: nobody said so"

    def voted(self, track: Track, label: Label) -> bool:
        """Whether this very face was said to be that, and was looked at often enough."""
        votes = self.faces[track.track_id].votes
        return len(votes) >= MIN_VOTES and any(vote.scores[label] > 0.1 for vote in votes)

    def check_decision(self, decision: Decision, tracks: list[Track], now: float) -> None:
        assert decision.since <= now, decision
        if decision.state is State.PASS:
            held = self.before is not None and self.before.state is State.PASS and decision.since < now
            held = held and not is_hole(self.at, now) and now - decision.since < self.config.min_on_s
            assert held or self.all_masked(tracks, now), f"PASS of {tracks}"
        self.before, self.at = decision, now

    def all_masked(self, tracks: list[Track], now: float) -> bool:
        """Whether every face that counts was seen just now and was said to wear its mask."""
        count = [track for track in tracks if track.status is TrackStatus.CONFIRMED and self.counts(track)]
        fresh = all(0 <= now - self.faces[track.track_id].seen_at <= LOST_AFTER_S for track in count)
        masked = all(track.label is Label.WITH_MASK and self.voted(track, track.label) for track in count)
        return bool(count) and fresh and masked and not 0 < self.config.max_faces < len(count)

    def counts(self, track: Track) -> bool:
        return track.box.height >= self.config.min_face_px or track.label is not Label.UNKNOWN


def feed_day(data: bytes) -> None:
    """PASS only where every face that counts was seen just now and is said to be masked, or as long as held.

    No number of a face comes twice, each end has its beginning, and the events tell what the tracks are.
    """
    plan = json.loads(data)
    config = DecisionConfig(**plan["settings"])
    tracker, policy, record, now = Tracker(config, plan["sure"]), Policy(config), _Record(config), 1000.0
    for step, fails, faces, verdicts in plan["frames"]:
        now += step
        if fails:
            tracks = tracker.update([], now)
            decision = policy.fail(Problem(Cause.PICTURE_BLACK), now)
            assert decision.state is State.UNCERTAIN
        else:
            tracks = _look(tracker, record, faces, verdicts, plan["budget"], now)
            decision = policy.decide(tracks, now)
        record.note_events(tracker.take_events())
        record.check_tracks(tracks)
        record.check_decision(decision, tracks, now)


def _look(
    tracker: Tracker, record: _Record, faces: list[Any], verdicts: list[Any], budget: int, now: float
) -> list[Track]:
    """One frame through the tracker, as the pipeline does it."""
    found = [Detection(BoundingBox(x, y, x + size, y + size), score) for x, y, size, score in faces]
    boxes = {id(detection.box) for detection in found}
    for track in tracker.update(found, now):
        if id(track.box) in boxes:
            record.faces[track.track_id].seen_at = now
    for place, track in enumerate(tracker.due(now, budget, 0.5)):
        scores = verdicts[place % len(verdicts)]
        parts = {label: score / sum(scores) for label, score in zip(CLASSES, scores, strict=True)}
        label = max(parts, key=lambda key: parts[key])
        vote = Classification(label, parts[label], parts)
        record.faces[track.track_id].votes.append(vote)
        tracker.vote(track.track_id, vote, now)
    return tracker.tracks(now)


TARGETS = (Target("day", made(day), feed_day),)
