"""From tracks to what the door says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.config.tables import DecisionConfig
from edge.types import Cause, Decision, Label, Problem, State, Track, TrackStatus, is_hole

_NOBODY = dict.fromkeys(Label, 0)


@dataclass(slots=True)
class Policy:
    """Every confirmed face must wear its mask properly. Times are seconds on one monotonic clock."""

    config: DecisionConfig = field(default_factory=DecisionConfig)
    """How long pass and deny stay at least, how large a face must be, how many may come at a time."""
    _decision: Decision | None = None
    _decided_at: float = 0.0

    def decide(self, tracks: Sequence[Track], now: float) -> Decision:
        """The decision after one frame. Another one that was made before a hole in time is not held."""
        counts = _NOBODY.copy()
        for track in tracks:
            counts[track.label] += self._takes_part(track)
        state, cause = _state_and_cause(counts, self.config.max_faces)
        held = self._decision
        followed = held is not None and not is_hole(self._decided_at, now)
        early = held is not None and followed and now - held.since < self.config.min_on_s
        if held is not None and early and held.state is not state and held.state in (State.PASS, State.DENY):
            state, cause = held.state, held.cause
        return self._settle(state, counts, cause, self._words(cause), now)

    def fail(self, problem: Problem, now: float) -> Decision:
        """The decision without a frame that can be trusted: `uncertain` at once, never `pass`."""
        return self._settle(State.UNCERTAIN, _NOBODY.copy(), problem.cause, problem.detail, now)

    def _takes_part(self, track: Track) -> bool:
        """Whether the face counts: confirmed, and large enough or already labelled when it was nearer."""
        big = track.box.height >= self.config.min_face_px or track.label is not Label.UNKNOWN
        return big and track.status is TrackStatus.CONFIRMED

    def _words(self, cause: Cause) -> str:
        """Words that say more than those of the cause: how many faces may come at a time."""
        if cause is not Cause.TOO_MANY_FACES:
            return ""
        return f"{'one' if self.config.max_faces == 1 else self.config.max_faces} at a time"

    def _settle(
        self, state: State, counts: Mapping[Label, int], cause: Cause, detail: str, now: float
    ) -> Decision:
        before = self._decision
        since = min(before.since, now) if before is not None and before.state is state else now
        self._decision, self._decided_at = Decision(state, since, counts, cause, detail), now
        return self._decision


def _state_and_cause(counts: Mapping[Label, int], max_faces: int) -> tuple[State, Cause]:
    """What the counts alone say. max_faces: 0 is any number."""
    faces = sum(counts.values())
    if not faces:
        return State.IDLE, Cause.NOBODY
    if max_faces and faces > max_faces:
        return State.DENY, Cause.TOO_MANY_FACES
    if counts[Label.WITHOUT_MASK]:
        return State.DENY, Cause.NO_MASK
    if counts[Label.INCORRECT_MASK]:
        return State.DENY, Cause.MASK_WORN_WRONG
    if counts[Label.UNKNOWN]:
        return State.UNCERTAIN, Cause.LOOKING
    return State.PASS, Cause.ALL_MASKED
