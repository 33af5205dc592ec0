"""Follows faces over frames, and lets each face's label be voted over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.types import BoundingBox, Classification, Detection, Event, EventKind, Label, Track, TrackStatus


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """confirm_hits: detections before a track counts. lost_after_s: missing so long, it is lost; end_after_s: gone for good.

    sure_score: a detection of this score or more begins a track and confirms it; a lower one only holds a track (ByteTrack: Zhang et al. 2022), for
    unsure_for_s after the last sure one: a face that turns or blurs is not lost, and a jar where it stood is not followed for ever.
    min_iou: overlap that makes a detection the same face. vote_window: score vectors that are averaged; min_votes: fewer leave a face unknown.
    hold_s: so long must another label lead before it is believed. min_lead: by so much, 0..1. min_face_px: lower faces stay unknown.
    """

    confirm_hits: int = 3
    lost_after_s: float = 0.6
    end_after_s: float = 1.5
    sure_score: float = 0.0
    unsure_for_s: float = 10.0
    min_iou: float = 0.25
    vote_window: int = 8
    min_votes: int = 2
    hold_s: float = 0.5
    min_lead: float = 0.1
    min_face_px: float = 24.0


@dataclass(slots=True, eq=False)
class _Face:
    """What the tracker remembers of one face."""

    track_id: int
    box: BoundingBox
    first_seen: float
    last_seen: float
    sure_at: float
    votes: deque[Classification]
    hits: int = 1
    label: Label = Label.UNKNOWN
    confidence: float = 0.0
    challenger: Label | None = None
    challenger_since: float = 0.0
    classified_at: float = float("-inf")
    confirmed: bool = False
    visible: bool = True


@dataclass(slots=True)
class Tracker:
    """Greedy matching by overlap, then by distance for those who move fast between slow frames; times are seconds on one monotonic clock."""

    settings: TrackerSettings = field(default_factory=TrackerSettings)
    _faces: list[_Face] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _next_id: int = 1

    def update(self, detections: Sequence[Detection], now: float) -> list[Track]:
        """Match the detections of one frame; a track without one ages and gets no vote."""
        matched = self._match(detections)
        for face in self._faces:
            face.visible = False
        for index, detection in enumerate(detections):
            known, sure = matched.get(index), self._sure(detection)
            if known is None:
                if sure:
                    self._faces.append(self._start(detection, now))
            elif sure or now - known.sure_at <= self.settings.unsure_for_s:
                known.box, known.last_seen, known.visible = detection.box, now, True
                if sure:
                    known.hits, known.sure_at = known.hits + 1, now
        self._confirm(now)
        self._end(now)
        return self.tracks(now)

    def due(self, now: float, budget: int, settled_every_s: float) -> list[Track]:
        """Which faces to classify in this frame, at most `budget`: those without a label or in doubt first, settled ones at a slow beat."""
        waiting = [
            face for face in self._faces if face.visible and face.box.height >= self.settings.min_face_px
        ]
        urgent = [face for face in waiting if self._undecided(face)]
        settled = [
            face
            for face in waiting
            if not self._undecided(face) and now - face.classified_at >= settled_every_s
        ]
        urgent.sort(key=lambda face: (len(face.votes), face.classified_at))
        settled.sort(key=lambda face: face.classified_at)
        return [self._track(face, now) for face in (urgent + settled)[:budget]]

    def vote(self, track_id: int, classification: Classification, now: float) -> None:
        """Add one classification to a track; its label follows when another one leads for long enough."""
        face = next(face for face in self._faces if face.track_id == track_id)
        face.votes.append(classification)
        face.classified_at = now
        scores = mean_scores(face.votes)
        leader = max(scores, key=lambda label: scores[label])
        if len(face.votes) >= self.settings.min_votes:
            self._consider(face, leader, scores[leader] - scores.get(face.label, 0.0), now)
        face.confidence = scores.get(face.label, 0.0)

    def tracks(self, now: float) -> list[Track]:
        """All faces that are followed, oldest first."""
        return [self._track(face, now) for face in self._faces]

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def _sure(self, detection: Detection) -> bool:
        return detection.score >= self.settings.sure_score

    def _match(self, detections: Sequence[Detection]) -> dict[int, _Face]:
        """Overlaps before near misses, and in both the sure detections before the others: what is left of these begins no track of its own."""
        pairs = [
            (_affinity(face.box, detection.box, self.settings.min_iou), index, face)
            for index, detection in enumerate(detections)
            for face in self._faces
        ]
        matched: dict[int, _Face] = {}
        taken: set[int] = set()
        for affinity, index, face in sorted(
            pairs, key=lambda pair: (pair[0] > 1, self._sure(detections[pair[1]]), pair[0]), reverse=True
        ):
            if affinity > 0 and index not in matched and face.track_id not in taken:
                matched[index] = face
                taken.add(face.track_id)
        return matched

    def _start(self, detection: Detection, now: float) -> _Face:
        face = _Face(self._next_id, detection.box, now, now, now, deque(maxlen=self.settings.vote_window))
        self._next_id += 1
        return face

    def _confirm(self, now: float) -> None:
        for face in self._faces:
            if not face.confirmed and face.hits >= self.settings.confirm_hits:
                face.confirmed = True
                self._events.append(Event(EventKind.NEW, face.track_id, None, face.label, now))

    def _end(self, now: float) -> None:
        gone = [face for face in self._faces if now - face.last_seen > self._patience(face)]
        self._events += [
            Event(EventKind.ENDED, face.track_id, face.label, None, now) for face in gone if face.confirmed
        ]
        self._faces = [face for face in self._faces if face not in gone]

    def _patience(self, face: _Face) -> float:
        return self.settings.end_after_s if face.confirmed else self.settings.lost_after_s

    def _consider(self, face: _Face, leader: Label, lead: float, now: float) -> None:
        if leader is face.label or lead < self.settings.min_lead:
            face.challenger = None
            return
        if face.challenger is not leader:
            face.challenger, face.challenger_since = leader, now
        if face.label is Label.UNKNOWN or now - face.challenger_since >= self.settings.hold_s:
            if face.confirmed:
                self._events.append(Event(EventKind.CHANGED, face.track_id, face.label, leader, now))
            face.label, face.challenger = leader, None

    def _undecided(self, face: _Face) -> bool:
        """No label yet, another one leads, or the last look disagreed: then look again at once, not at the slow beat."""
        return (
            face.label is Label.UNKNOWN
            or face.challenger is not None
            or face.votes[-1].label is not face.label
        )

    def _track(self, face: _Face, now: float) -> Track:
        status = TrackStatus.CONFIRMED if face.confirmed else TrackStatus.TENTATIVE
        if now - face.last_seen > self.settings.lost_after_s:
            status = TrackStatus.LOST
        return Track(face.track_id, face.box, face.label, face.confidence, now - face.first_seen, status)


def mean_scores(votes: Iterable[Classification]) -> dict[Label, float]:
    """The average of score vectors: a doubtful frame weighs little, where counting winners would let it weigh as much as a clear one."""
    votes = list(votes)
    return {label: sum(vote.scores[label] for vote in votes) / len(votes) for label in votes[0].scores}


def _affinity(known: BoundingBox, seen: BoundingBox, min_iou: float) -> float:
    """1..2 for an overlap, 0..1 for a near miss of like size, 0 for another face."""
    iou = known.iou(seen)
    if iou >= min_iou:
        return 1 + iou
    size = max(known.width, seen.width, 1.0)
    alike = min(known.area, seen.area) / max(known.area, seen.area, 1.0) > 0.4
    dx = (known.xmin + known.xmax - seen.xmin - seen.xmax) / 2
    dy = (known.ymin + known.ymax - seen.ymin - seen.ymax) / 2
    distance = (dx * dx + dy * dy) ** 0.5 / size
    return 1 - distance if alike and distance < 0.9 else 0.0
