"""Tracks faces over frames; the label of each face is the result of a vote over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edge.config.tables import DecisionConfig
from edge.types import (
    HOLE_S,
    BoundingBox,
    Classification,
    Detection,
    Event,
    EventKind,
    Label,
    Track,
    TrackStatus,
    is_hole,
)

CONFIRM_HITS = 3
"""Sure detections before a face counts."""

LOST_AFTER_S = 0.6
"""Seconds without a detection after which a track is lost; one that was never confirmed ends then."""

END_AFTER_S = HOLE_S
"""Seconds without a detection after which a confirmed track ends."""

UNSURE_FOR_S = 10.0
"""Seconds after the last sure detection during which detections below `sure_score` can hold a track.

Low scores hold a track as in ByteTrack (Zhang et al. 2022), so that a face that turns or blurs is not lost.
The limit ends the track of a jar that stands where the face was.
"""

MIN_IOU = 0.25
"""Intersection over union from which on a detection is the same face."""

NEAR_MISS, NEAR_MISS_AREAS = 0.9, 0.4
"""A detection with a smaller overlap is still the same face under two conditions.

Its centre has moved by less than NEAR_MISS times the width of the wider box, and the smaller box has more
than NEAR_MISS_AREAS times the area of the larger one.
"""

VOTE_WINDOW, MIN_VOTES = 8, 2
"""Number of score vectors that are averaged, and the number that a label needs."""

MIN_LEAD = 0.1
"""Lead in the average score, 0..1, that another label needs before it can replace the current one."""


@dataclass(slots=True, eq=False)
class _Face:
    """What the tracker remembers of one face."""

    track_id: int
    box: BoundingBox
    first_seen: float
    last_seen: float
    sure_at: float
    """When it was last detected with `sure_score` or more."""
    votes: deque[Classification]
    hits: int = 1
    """Number of sure detections."""
    label: Label = Label.UNKNOWN
    confidence: float = 0.0
    """The average score of `label`, 0..1."""
    challenger: Label | None = None
    """Another label that leads at the moment."""
    challenger_since: float = 0.0
    classified_at: float = float("-inf")
    confirmed: bool = False
    visible: bool = True
    """Whether it was detected in the latest frame."""


@dataclass(slots=True)
class Tracker:
    """Matches greedily: by overlap, then by distance for faces that move fast between slow frames.

    Times are seconds on one monotonic clock.
    """

    config: DecisionConfig = field(default_factory=DecisionConfig)
    """How long a new label must lead, and how large a face must be to be classified."""
    sure_score: float = 0.0
    """A detection of this score or more begins a track and confirms it; a lower one only holds a track."""
    _faces: list[_Face] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _next_id: int = 1

    def update(self, detections: Sequence[Detection], now: float) -> list[Track]:
        """Match the detections of one frame. A track without a detection gets older and no vote.

        A face seen before a hole in time is ended first: whoever stands there now may be somebody else.
        """
        self._end([face for face in self._faces if is_hole(face.last_seen, now)], now)
        matched = self._match(detections)
        for face in self._faces:
            face.visible = False
        for index, detection in enumerate(detections):
            known, sure = matched.get(index), self._sure(detection)
            if known is None:
                if sure:
                    self._faces.append(self._start(detection, now))
            elif sure or now - known.sure_at <= UNSURE_FOR_S:
                known.box, known.last_seen, known.visible = detection.box, now, True
                if sure:
                    known.hits, known.sure_at = known.hits + 1, now
        self._confirm(now)
        self._end([face for face in self._faces if now - face.last_seen > self._patience(face)], now)
        return self.tracks(now)

    def due(self, now: float, budget: int, settled_every_s: float) -> list[Track]:
        """The faces to classify in this frame, at most `budget`.

        Faces without a label or in doubt come first. A settled face is due `settled_every_s` seconds after it
        was classified last.
        """
        waiting = [
            face for face in self._faces if face.visible and face.box.height >= self.config.min_face_px
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
        """Add one classification to a track. Its label changes when another leads for `hold_s` seconds."""
        face = next(face for face in self._faces if face.track_id == track_id)
        face.votes.append(classification)
        face.classified_at = now
        scores = mean_scores(face.votes)
        leader = max(scores, key=lambda label: scores[label])
        if len(face.votes) >= MIN_VOTES:
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
        return detection.score >= self.sure_score

    def _match(self, detections: Sequence[Detection]) -> dict[int, _Face]:
        """Detection index -> face.

        Overlaps are matched before near misses, and sure detections before the others: a detection that is
        not sure begins no track, so it must not take a face from one that is sure.
        """
        pairs = [
            (_affinity(face.box, detection.box), index, face)
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
        face = _Face(self._next_id, detection.box, now, now, now, deque(maxlen=VOTE_WINDOW))
        self._next_id += 1
        return face

    def _confirm(self, now: float) -> None:
        for face in self._faces:
            if not face.confirmed and face.hits >= CONFIRM_HITS:
                face.confirmed = True
                self._events.append(Event(EventKind.NEW, face.track_id, None, face.label, now))

    def _end(self, gone: Sequence[_Face], now: float) -> None:
        self._events += [
            Event(EventKind.ENDED, face.track_id, face.label, None, now) for face in gone if face.confirmed
        ]
        self._faces = [face for face in self._faces if face not in gone]

    def _patience(self, face: _Face) -> float:
        return END_AFTER_S if face.confirmed else LOST_AFTER_S

    def _consider(self, face: _Face, leader: Label, lead: float, now: float) -> None:
        if leader is face.label or lead < MIN_LEAD:
            face.challenger = None
            return
        if face.challenger is not leader:
            face.challenger, face.challenger_since = leader, now
        if face.label is Label.UNKNOWN or now - face.challenger_since >= self.config.hold_s:
            if face.confirmed:
                self._events.append(Event(EventKind.CHANGED, face.track_id, face.label, leader, now))
            face.label, face.challenger = leader, None

    def _undecided(self, face: _Face) -> bool:
        """Whether a face must be classified again at once.

        It has no label yet, or another label leads, or the last classification was another one.
        """
        return (
            face.label is Label.UNKNOWN
            or face.challenger is not None
            or face.votes[-1].label is not face.label
        )

    def _track(self, face: _Face, now: float) -> Track:
        status = TrackStatus.CONFIRMED if face.confirmed else TrackStatus.TENTATIVE
        if now - face.last_seen > LOST_AFTER_S:
            status = TrackStatus.LOST
        return Track(face.track_id, face.box, face.label, face.confidence, now - face.first_seen, status)


def mean_scores(votes: Iterable[Classification]) -> dict[Label, float]:
    """The average of score vectors.

    So a doubtful frame weighs little. If the best labels were counted, it would weigh as much as a clear one.
    """
    votes = list(votes)
    return {label: sum(vote.scores[label] for vote in votes) / len(votes) for label in votes[0].scores}


def _affinity(known: BoundingBox, seen: BoundingBox) -> float:
    """How well a detection fits a face: 1..2 for an overlap, 0..1 for a near miss, 0 for another face."""
    iou = known.iou(seen)
    if iou >= MIN_IOU:
        return 1 + iou
    size = max(known.width, seen.width, 1.0)
    alike = min(known.area, seen.area) / max(known.area, seen.area, 1.0) > NEAR_MISS_AREAS
    dx = (known.xmin + known.xmax - seen.xmin - seen.xmax) / 2
    dy = (known.ymin + known.ymax - seen.ymin - seen.ymax) / 2
    distance = (dx * dx + dy * dy) ** 0.5 / size
    return 1 - distance if alike and distance < NEAR_MISS else 0.0
