"""The words on the screen."""

from dataclasses import replace

import pytest

from edge.sinks.message import message_for
from edge.types import BoundingBox, FrameResult, Label, State, Track, TrackStatus
from tests.builders import make_policy
from tests.edge.sinks.screen.builders import EVERY_MESSAGE


@pytest.mark.parametrize(
    ("name", "title", "detail"),
    [
        ("pass", "PASS", "pass: 1 mask"),
        ("bare", "PUT ON YOUR MASK", "deny: 1 no mask"),
        ("wrong", "FIX YOUR MASK", "deny: 3 mask, 2 mask worn wrong, 1 ?"),
        ("crowd", "ONE AT A TIME", "deny: 2 mask, 1 no mask"),
        ("large crowd", "12 AT A TIME", "deny: 2 mask, 7 no mask, 4 mask worn wrong, 3 ?"),
        ("looking", "ONE MOMENT", "uncertain: 1 ?"),
        ("lost", "OUT OF ORDER", "no picture from the camera: /dev/video0 is gone, plug it in again"),
        ("idle", "READY", "idle: nobody in view"),
    ],
)
def test_words(name, title, detail):
    message = message_for(EVERY_MESSAGE[name])
    assert (message.title, message.details[0]) == (title, detail)


def test_a_degraded_door_says_so_where_there_is_room():
    message = message_for(replace(EVERY_MESSAGE["idle"], degraded="the Edge TPU has gone; plug it in again"))
    assert message.title == "READY"
    assert message.details == (
        "idle: nobody in view (degraded)",
        "nobody in view (degraded)",
        "idle: nobody in view",
        "nobody in view",
    )


@pytest.mark.parametrize(
    ("allowed", "present", "state"),
    [(1, 1, State.PASS), (1, 2, State.DENY), (2, 2, State.PASS), (0, 9, State.PASS)],
)
def test_more_faces_than_allowed_are_denied_and_told(allowed, present, state):
    box = BoundingBox(0, 0, 50, 50)
    tracks = [Track(i, box, Label.WITH_MASK, 0.9, 1.0, TrackStatus.CONFIRMED) for i in range(present)]
    decision = make_policy(max_faces=allowed).decide(tracks, 0.0)
    assert decision.state is state
    assert (message_for(FrameResult(None, (), tuple(tracks), decision, ())).title == "ONE AT A TIME") == (
        state is State.DENY
    )
