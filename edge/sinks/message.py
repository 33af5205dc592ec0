"""What a screen says: big words for the person at the door, and a small line for the person who runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.pictures.annotate import WORDS
from edge.types import Cause, Decision, FrameResult, Label, State

STATE_COLOURS = {State.PASS: (0, 120, 88), State.DENY: (190, 45, 25), State.UNCERTAIN: (230, 159, 0)}
"""Behind the words, RGB; colour-blind people can tell them apart too (after Okabe and Ito)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one result says on a screen."""

    state: State
    title: str
    """The big words, in capitals."""
    details: tuple[str, ...]
    """Texts for the small line, from long to short; the first that fits is shown."""


def message_for(result: FrameResult) -> Message:
    """The words for one result. Where it fits, the small line also says that the door is degraded."""
    message = _message(result)
    if not result.degraded:
        return message
    return replace(message, details=(*(f"{text} (degraded)" for text in message.details), *message.details))


def _message(result: FrameResult) -> Message:
    decision = result.decision
    counts = {label: decision.counts.get(label, 0) for label in Label}
    total, title = sum(counts.values()), _title(decision, counts)
    if decision.state is State.UNCERTAIN and not total:  # no face to look at: no picture that can be trusted
        return Message(decision.state, "OUT OF ORDER", (decision.reason, "no picture"))
    if not total:
        return Message(decision.state, title, (f"{decision.state}: nobody in view", "nobody in view"))
    seen = ", ".join(f"{count} {WORDS[label]}" for label, count in counts.items() if count)
    masked = f"{counts[Label.WITH_MASK]} of {total}"
    return Message(decision.state, title, (f"{decision.state}: {seen}", f"{masked} with mask", masked))


def _title(decision: Decision, counts: Mapping[Label, int]) -> str:
    if decision.cause is Cause.TOO_MANY_FACES:
        return decision.reason.upper()
    if decision.state is State.DENY:
        return "PUT ON YOUR MASK" if counts[Label.WITHOUT_MASK] else "FIX YOUR MASK"
    return {State.PASS: "PASS", State.UNCERTAIN: "ONE MOMENT", State.IDLE: "READY"}[decision.state]
