import pytest

from edge.types import BoundingBox, Cause, Label, Problem, State, Track, TrackStatus
from tests.builders import make_policy

W, B, L, U = (
    Label.WITH_MASK,
    Label.WITHOUT_MASK,
    Label.INCORRECT_MASK,
    Label.UNKNOWN,
)  # mask, bare, low, unknown


def tracks(*labels: Label, size: float = 60, status: TrackStatus = TrackStatus.CONFIRMED) -> list[Track]:
    return [
        Track(i, BoundingBox(0, 0, size, size), label, 0.9, 1.0, status) for i, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ((), State.IDLE),
        ((W,), State.PASS),
        ((W, W, W), State.PASS),
        ((B,), State.DENY),
        ((L,), State.DENY),
        ((W, B), State.DENY),
        ((W, U), State.UNCERTAIN),
        ((U,), State.UNCERTAIN),
        ((U, B), State.DENY),
    ],
)
def test_one_bare_face_denies_and_one_unknown_face_withholds(labels, state):
    decision = make_policy().decide(tracks(*labels), 0.0)
    assert decision.state is state
    assert sum(decision.counts.values()) == len(labels)


def test_small_and_tentative_and_lost_faces_do_not_take_part():
    policy = make_policy(min_face_px=50)
    assert policy.decide(tracks(U, size=40), 0.0).state is State.IDLE
    for status in (TrackStatus.TENTATIVE, TrackStatus.LOST):
        assert make_policy().decide(tracks(B, status=status), 0.0).state is State.IDLE


def test_a_state_holds_for_its_minimum_time():
    policy = make_policy(min_on_s=1.0)
    assert policy.decide(tracks(B), 0.0).state is State.DENY
    assert policy.decide(tracks(W), 0.5).state is State.DENY
    decision = policy.decide(tracks(W), 1.1)
    assert (decision.state, decision.since) == (State.PASS, 1.1)


def test_fail_safe_is_immediate_even_within_the_minimum_time():
    policy = make_policy(min_on_s=10)
    assert policy.decide(tracks(W), 0.0).state is State.PASS
    decision = policy.fail(Problem(Cause.CAMERA_LOST, "camera lost"), 0.1)
    assert (decision.state, decision.reason) == (State.UNCERTAIN, "camera lost")


def test_since_is_when_the_state_began():
    policy = make_policy()
    policy.decide(tracks(W), 1.0)
    assert policy.decide(tracks(W), 5.0).since == 1.0
