"""From tracks to what the door says: who takes part, which cause wins, how long a state stays."""

import pytest

from edge.decision import Policy
from edge.types import BoundingBox, Cause, Decision, Label, Problem, State, Track, TrackStatus
from tests.builders import make_policy

MASK, BARE, WRONG, UNKNOWN = Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK, Label.UNKNOWN

NOBODY, ALL_MASKED, LOOKING = Cause.NOBODY, Cause.ALL_MASKED, Cause.LOOKING
NO_MASK, WORN_WRONG, TOO_MANY = Cause.NO_MASK, Cause.MASK_WORN_WRONG, Cause.TOO_MANY_FACES


def tracks(
    *labels: Label,
    width: float = 60,
    height: float = 60,
    status: TrackStatus = TrackStatus.CONFIRMED,
) -> list[Track]:
    box = BoundingBox(0, 0, width, height)
    return [Track(number, box, label, 0.9, 1.0, status) for number, label in enumerate(labels)]


def lose_camera(policy: Policy, now: float) -> Decision:
    return policy.fail(Problem(Cause.CAMERA_LOST, "usb:0: unplugged"), now)


def state_of(policy: Policy, *labels: Label, at: float) -> State:
    return policy.decide(tracks(*labels), at).state


# --- which state, and why


@pytest.mark.parametrize(
    ("labels", "state", "cause"),
    [
        ((), State.IDLE, NOBODY),
        ((MASK,), State.PASS, ALL_MASKED),
        ((MASK, MASK, MASK), State.PASS, ALL_MASKED),
        ((BARE,), State.DENY, NO_MASK),
        ((WRONG,), State.DENY, WORN_WRONG),
        ((UNKNOWN,), State.UNCERTAIN, LOOKING),
        ((MASK, BARE), State.DENY, NO_MASK),
        ((MASK, WRONG), State.DENY, WORN_WRONG),
        ((MASK, UNKNOWN), State.UNCERTAIN, LOOKING),
        ((UNKNOWN, BARE), State.DENY, NO_MASK),
        ((UNKNOWN, WRONG), State.DENY, WORN_WRONG),
        ((WRONG, BARE), State.DENY, NO_MASK),
        ((BARE, WRONG), State.DENY, NO_MASK),
        ((WRONG, WRONG, BARE, MASK, UNKNOWN), State.DENY, NO_MASK),
    ],
)
def test_one_face_without_a_mask_denies_and_one_unknown_face_withholds(labels, state, cause):
    decision = make_policy().decide(tracks(*labels), 0.0)
    assert (decision.state, decision.cause) == (state, cause)


def test_the_counts_are_those_of_every_label():
    decision = make_policy().decide(tracks(MASK, MASK, BARE, WRONG, WRONG, WRONG), 0.0)
    assert decision.counts == {MASK: 2, BARE: 1, WRONG: 3, UNKNOWN: 0}


def test_every_frame_is_counted_anew():
    policy = make_policy()
    policy.decide(tracks(MASK, MASK), 0.0)
    assert policy.decide(tracks(MASK), 1.0).counts[MASK] == 1


@pytest.mark.parametrize(
    ("allowed", "labels", "state", "cause"),
    [
        (1, (MASK,), State.PASS, ALL_MASKED),
        (1, (MASK, MASK), State.DENY, TOO_MANY),
        (2, (MASK, MASK), State.PASS, ALL_MASKED),
        (2, (MASK, MASK, UNKNOWN), State.DENY, TOO_MANY),
        (2, (BARE, WRONG, UNKNOWN), State.DENY, TOO_MANY),
        (2, (BARE, WRONG), State.DENY, NO_MASK),
        (1, (), State.IDLE, NOBODY),
        (0, (MASK,) * 9, State.PASS, ALL_MASKED),
    ],
)
def test_more_faces_than_allowed_are_denied_whatever_they_wear(allowed, labels, state, cause):
    decision = make_policy(max_faces=allowed).decide(tracks(*labels), 0.0)
    assert (decision.state, decision.cause) == (state, cause)


@pytest.mark.parametrize(
    ("allowed", "labels", "reason"),
    [
        (0, (), "nobody in view"),
        (0, (MASK,), "every face wears its mask"),
        (0, (BARE,), "a face without a mask"),
        (0, (WRONG,), "a mask worn incorrectly"),
        (0, (UNKNOWN,), "looking"),
        (1, (MASK, MASK), "one at a time"),
        (2, (MASK, MASK, MASK), "2 at a time"),
        (3, (MASK, BARE), "a face without a mask"),
    ],
)
def test_the_reason_says_the_cause_in_words(allowed, labels, reason):
    assert make_policy(max_faces=allowed).decide(tracks(*labels), 0.0).reason == reason


# --- who takes part


@pytest.mark.parametrize("status", [TrackStatus.TENTATIVE, TrackStatus.LOST])
@pytest.mark.parametrize("label", [MASK, BARE, WRONG, UNKNOWN])
def test_tentative_and_lost_faces_do_not_take_part(label, status):
    decision = make_policy().decide(tracks(label, status=status), 0.0)
    assert decision.state is State.IDLE
    assert sum(decision.counts.values()) == 0


@pytest.mark.parametrize(
    ("width", "height", "state"),
    [
        (50, 50, State.UNCERTAIN),
        (20, 50, State.UNCERTAIN),
        (50, 49, State.IDLE),
        (90, 49, State.IDLE),
    ],
)
def test_an_unknown_face_lower_than_the_limit_does_not_take_part(width, height, state):
    policy = make_policy(min_face_px=50)
    assert policy.decide(tracks(UNKNOWN, width=width, height=height), 0.0).state is state


@pytest.mark.parametrize(("label", "state"), [(MASK, State.PASS), (BARE, State.DENY), (WRONG, State.DENY)])
def test_a_small_face_with_a_label_takes_part(label, state):
    """It got its label when it was nearer."""
    policy = make_policy(min_face_px=50)
    decision = policy.decide(tracks(label, width=20, height=20), 0.0)
    assert (decision.state, decision.counts[label]) == (state, 1)


def test_a_small_face_with_a_label_that_is_tentative_or_lost_does_not_take_part():
    policy = make_policy(min_face_px=50)
    for status in (TrackStatus.TENTATIVE, TrackStatus.LOST):
        assert policy.decide(tracks(BARE, height=20, status=status), 0.0).state is State.IDLE


def test_small_unknown_faces_do_not_count_as_too_many():
    policy = make_policy(min_face_px=50, max_faces=1)
    assert policy.decide([*tracks(MASK), *tracks(UNKNOWN, height=20)], 0.0).state is State.PASS


# --- how long a state stays


@pytest.mark.parametrize(
    ("first", "cause", "then"),
    [
        (MASK, ALL_MASKED, BARE),
        (BARE, NO_MASK, MASK),
        (WRONG, WORN_WRONG, UNKNOWN),
        (MASK, ALL_MASKED, UNKNOWN),
    ],
)
def test_pass_and_deny_stay_for_their_minimum_time_with_their_cause(first, cause, then):
    policy = make_policy(min_on_s=1.0)
    held = policy.decide(tracks(first), 8.0)
    for now in (8.5, 8.9375):
        decision = policy.decide(tracks(then), now)
        assert (decision.state, decision.since, decision.cause) == (held.state, 8.0, cause)
        assert decision.counts[then] == 1, "the counts are those of the frame"
    decision = policy.decide(tracks(then), 9.0)
    assert (decision.state, decision.since) == (state_of(make_policy(), then, at=0.0), 9.0)


@pytest.mark.parametrize("first", [(), (UNKNOWN,)])
def test_idle_and_uncertain_make_room_at_once(first):
    policy = make_policy(min_on_s=10.0)
    policy.decide(tracks(*first), 0.0)
    assert state_of(policy, MASK, at=0.125) is State.PASS


def test_pass_stays_when_the_face_goes():
    policy = make_policy(min_on_s=1.0)
    state_of(policy, MASK, at=0.0)
    assert state_of(policy, at=0.5) is State.PASS
    assert state_of(policy, at=1.0) is State.IDLE


def test_the_cause_follows_the_faces_while_the_state_is_the_same():
    policy = make_policy(min_on_s=10.0)
    policy.decide(tracks(WRONG), 0.0)
    decision = policy.decide(tracks(BARE), 0.5)
    assert (decision.state, decision.since, decision.cause) == (State.DENY, 0.0, NO_MASK)


def test_the_minimum_time_runs_from_when_the_state_began():
    policy = make_policy(min_on_s=1.0)
    for now in (0.0, 0.5, 0.9375):
        state_of(policy, MASK, at=now)
    assert state_of(policy, BARE, at=1.0) is State.DENY


def test_a_state_that_comes_again_begins_anew():
    policy = make_policy(min_on_s=0.0)
    state_of(policy, MASK, at=0.0)
    state_of(policy, BARE, at=1.0)
    assert policy.decide(tracks(MASK), 2.0).since == 2.0


def test_since_is_when_the_state_began():
    policy = make_policy()
    assert policy.decide(tracks(MASK), 1.0).since == 1.0
    assert policy.decide(tracks(MASK), 5.0).since == 1.0
    assert policy.decide(tracks(MASK, MASK), 9.0).since == 1.0


# --- the fail-safe


@pytest.mark.parametrize("label", [MASK, BARE])
def test_fail_safe_is_immediate_even_within_the_minimum_time(label):
    policy = make_policy(min_on_s=10.0)
    state_of(policy, label, at=0.0)
    decision = lose_camera(policy, 0.125)
    assert (decision.state, decision.since, decision.cause) == (State.UNCERTAIN, 0.125, Cause.CAMERA_LOST)
    assert decision.reason == "usb:0: unplugged"


def test_a_problem_without_words_of_its_own_is_said_in_those_of_its_cause():
    decision = make_policy().fail(Problem(Cause.PICTURE_FROZEN), 0.0)
    assert decision.reason == "the picture is frozen"


def test_too_many_faces_stay_denied_in_the_same_words():
    policy = make_policy(min_on_s=1.0, max_faces=1)
    policy.decide(tracks(MASK, MASK), 0.0)
    decision = policy.decide(tracks(MASK), 0.5)
    assert (decision.state, decision.reason) == (State.DENY, "one at a time")


def test_without_a_picture_nobody_is_counted():
    policy = make_policy()
    policy.decide(tracks(MASK, BARE), 0.0)
    assert lose_camera(policy, 1.0).counts == {MASK: 0, BARE: 0, WRONG: 0, UNKNOWN: 0}


def test_a_camera_that_stays_lost_is_uncertain_since_it_was_lost():
    policy = make_policy()
    lose_camera(policy, 1.0)
    assert lose_camera(policy, 4.0).since == 1.0


def test_after_the_fail_safe_the_next_picture_decides_at_once():
    policy = make_policy(min_on_s=10.0)
    lose_camera(policy, 0.0)
    assert state_of(policy, MASK, at=0.125) is State.PASS


def test_one_doors_counts_are_not_anothers():
    """A decision's counts are handed on: none may be changed by the next frame or by another policy."""
    policy, other = make_policy(), make_policy()
    first = policy.decide(tracks(MASK), 0.0)
    lost = lose_camera(policy, 1.0)
    other.decide(tracks(BARE, BARE), 1.0)
    policy.decide(tracks(WRONG), 2.0)
    assert (first.counts[MASK], sum(first.counts.values()), sum(lost.counts.values())) == (1, 1, 0)


@pytest.mark.parametrize("now", [2.6, 100.0, 0.5])
def test_a_pass_is_not_held_over_a_hole_in_time(now):
    policy = make_policy(min_on_s=3600.0)
    assert policy.decide(tracks(MASK), 1.0).state is State.PASS
    assert policy.decide(tracks(BARE), now).state is State.DENY
    assert make_policy(min_on_s=3600.0).decide(tracks(BARE), now).since == now
