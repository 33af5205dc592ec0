"""Results for sinks, and the contract that every sink must pass."""

import numpy as np

from edge.types import (
    BoundingBox,
    Cause,
    Decision,
    Detection,
    FrameResult,
    Label,
    State,
    Track,
    TrackStatus,
)
from tests.builders import make_frame

BOX = BoundingBox(10, 8, 40, 40)


def make_result(state=State.PASS, index=0, at=0.0, events=(), frame=True, label=Label.WITH_MASK):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture = make_frame(index=index, at=at) if frame else None
    if picture is not None:
        picture.pixels[:] = noise
    track = Track(1, BOX, label, 0.91, 1.5, TrackStatus.CONFIRMED)
    decision = Decision(state, at, {Label.WITH_MASK: 1, Label.UNKNOWN: 0}, Cause.LOOKING, "because")
    return FrameResult(
        picture, (Detection(BOX, 0.8),), (track,), decision, tuple(events), {"detect": 4.0, "classify": 3.0}
    )


def check_contract(sink):
    """A sink has a name, takes results with and without a frame, changes none, and may be closed twice."""
    assert sink.name
    for index, state in enumerate(State):
        result = make_result(state, index, index * 0.1)
        before = result.frame.pixels.copy()
        sink.handle(result)
        sink.handle(make_result(State.UNCERTAIN, frame=False))
        assert np.array_equal(result.frame.pixels, before)
    sink.close()
    sink.close()
