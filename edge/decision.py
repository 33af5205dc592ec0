"""From tracks to what the door says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.types import Decision, Label, State, Track, TrackStatus

AT_A_TIME = "at a time"
"""How the reason ends where too many people stand before the door."""

LOOKING = "looking"
"""The reason while a face is not named yet: the one `uncertain` that is as it should be."""


_NOBODY = dict.fromkeys(Label, 0)


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """min_on_s: a state stays at least so long, so that lamps and relays don't chatter (fail-safe may cut it short).

    min_face_px: lower faces do not take part unless they have a label. max_faces: more at once are denied; 0: any number.
    """

    min_on_s: float = 0.8
    min_face_px: float = 24.0
    max_faces: int = 0


@dataclass(slots=True)
class Policy:
    """Every confirmed face must wear its mask properly. Times are seconds on one monotonic clock."""

    settings: PolicySettings = field(default_factory=PolicySettings)
    _decision: Decision | None = None

    def decide(self, tracks: Sequence[Track], now: float) -> Decision:
        """The decision after one frame."""
        counts = _NOBODY.copy()
        for track in tracks:
            counts[track.label] += self._takes_part(track)
        state, reason = _judge(counts, self.settings.max_faces)
        held = self._decision
        early = held is not None and now - held.since < self.settings.min_on_s
        if held is not None and early and held.state is not state and held.state in (State.PASS, State.DENY):
            state, reason = held.state, held.reason
        return self._settle(state, counts, reason, now)

    def fail(self, reason: str, now: float) -> Decision:
        """No trustworthy picture: `uncertain` at once, never `pass`."""
        return self._settle(State.UNCERTAIN, _NOBODY.copy(), reason, now)

    def _takes_part(self, track: Track) -> bool:
        big = track.box.height >= self.settings.min_face_px or track.label is not Label.UNKNOWN
        return big and track.status is TrackStatus.CONFIRMED

    def _settle(self, state: State, counts: Mapping[Label, int], reason: str, now: float) -> Decision:
        since = self._decision.since if self._decision is not None and self._decision.state is state else now
        self._decision = Decision(state, since, counts, reason)
        return self._decision


def _judge(counts: Mapping[Label, int], max_faces: int) -> tuple[State, str]:
    faces = sum(counts.values())
    if not faces:
        return State.IDLE, "nobody in view"
    if max_faces and faces > max_faces:
        return State.DENY, f"{'one' if max_faces == 1 else max_faces} {AT_A_TIME}"
    if counts[Label.WITHOUT_MASK]:
        return State.DENY, "a face without a mask"
    if counts[Label.INCORRECT_MASK]:
        return State.DENY, "a mask worn incorrectly"
    if counts[Label.UNKNOWN]:
        return State.UNCERTAIN, LOOKING
    return State.PASS, "every face wears its mask"
