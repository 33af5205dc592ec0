"""Which label a face has: score vectors averaged over the last looks, and a lead that must hold."""

import pytest

from edge import tracking
from edge.tracking import mean_scores
from edge.types import Classification, Label
from tests.builders import make_detection, make_tracker, make_verdict
from tests.edge.tracking.builders import confirm, face_at, look, settle

W, B, L, U = Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK, Label.UNKNOWN
HOLD_S = 0.5


@pytest.fixture
def tracker():
    """One confirmed face without a label, at 0.25 s."""
    tracker = make_tracker(hold_s=HOLD_S)
    confirm(tracker, make_detection())
    return tracker


def label_of(tracker) -> Label:
    return tracker.tracks(0.25)[0].label


# --- the average


def test_mean_scores_averages_vectors_not_winners():
    scores = mean_scores([make_verdict(W, 0.5), make_verdict(W, 0.5), make_verdict(B, 0.98)])
    assert max(scores, key=lambda label: scores[label]) is B
    assert sum(scores.values()) == pytest.approx(1)


def test_one_look_is_not_enough_for_a_label_and_two_are(tracker):
    look(tracker, W, 1.0, votes=1)
    assert label_of(tracker) is U
    look(tracker, W, 1.0, votes=1)
    assert label_of(tracker) is W


def test_the_first_label_needs_no_hold(tracker):
    look(tracker, B, 1.0, votes=2)
    assert label_of(tracker) is B


def test_the_first_label_is_the_one_that_leads_on_average(tracker):
    look(tracker, W, 1.0, votes=1, score=0.6)
    look(tracker, B, 1.0, votes=1, score=0.98)
    assert label_of(tracker) is B


def test_each_face_gets_its_own_votes():
    tracker = make_tracker()
    confirm(tracker, face_at(0), face_at(300))
    look(tracker, B, 1.0, track_id=2)
    assert [track.label for track in tracker.tracks(1.0)] == [U, B]


def test_only_the_last_eight_looks_count(tracker):
    look(tracker, W, 1.0, votes=20, score=0.9)
    look(tracker, W, 1.0, votes=7, score=0.6)
    assert tracker.tracks(1.0)[0].confidence == pytest.approx((0.9 + 7 * 0.6) / 8)
    look(tracker, W, 1.0, votes=1, score=0.6)
    assert tracker.tracks(1.0)[0].confidence == pytest.approx(0.6)


# --- whose confidence


def test_a_face_without_a_label_has_no_confidence(tracker):
    assert tracker.tracks(1.0)[0].confidence == 0
    look(tracker, W, 1.0, votes=1)
    assert tracker.tracks(1.0)[0].confidence == 0


def test_the_confidence_is_that_of_the_label_that_is_shown_not_of_the_leader(tracker):
    look(tracker, W, 1.0, score=0.9)
    look(tracker, B, 1.25, score=0.9)
    (track,) = tracker.tracks(1.25)
    assert (track.label, track.confidence) == (W, pytest.approx(0.05))
    look(tracker, B, 2.0, score=0.9, votes=1)
    (track,) = tracker.tracks(2.0)
    assert (track.label, track.confidence) == (B, pytest.approx(0.9))


def test_missing_frames_add_no_votes(tracker):
    look(tracker, W, 1.0, score=0.8)
    tracker.update([], 1.0)
    assert tracker.due(1.0, 4, 0.0) == []
    assert tracker.tracks(1.0)[0].confidence == pytest.approx(0.8)


# --- the lead must hold


def test_a_label_holds_against_one_bad_look(tracker):
    look(tracker, W, 1.0)
    look(tracker, B, 1.25, votes=1, score=0.99)
    look(tracker, B, 9.0, votes=1, score=0.99)
    assert label_of(tracker) is W


def test_a_label_holds_against_two_bad_frames():
    tracker = make_tracker()
    now = settle(tracker, W, 1, 0.0)
    assert label_of(tracker) is U
    now = settle(tracker, W, 5, now)
    assert label_of(tracker) is W
    settle(tracker, B, 2, now)
    assert label_of(tracker) is W


def test_another_label_must_lead_for_the_hold_and_then_it_is_taken(tracker):
    look(tracker, W, 1.0)
    look(tracker, B, 2.0)
    look(tracker, B, 2.4375)
    assert label_of(tracker) is W
    look(tracker, B, 2.5, votes=1)
    assert label_of(tracker) is B


@pytest.mark.parametrize("step", [0.0625, 0.5])
def test_the_hold_counts_seconds_not_frames(step):
    """A change must take as long at 2 frames a second as at 16, within the frames that turn the average."""
    tracker = make_tracker(hold_s=1.0)
    tracker.update([make_detection()], 0.0)
    look(tracker, W, 0.0, votes=2, score=0.4)
    now = turned = 1.0
    while label_of(tracker) is W and now < 10:
        tracker.update([make_detection()], now)
        look(tracker, B, now, votes=1, score=0.98)
        now += step
    assert 1.0 <= now - turned <= 1.0 + 2 * step


def test_a_challenger_begins_anew_when_the_old_label_has_led_again(tracker):
    look(tracker, W, 1.0)
    look(tracker, B, 2.0)
    look(tracker, W, 2.25)
    look(tracker, B, 2.375)
    look(tracker, B, 2.75)
    assert label_of(tracker) is W, "B led for 0.25 s and then for 0.375 s, never for 0.5 s on end"
    look(tracker, B, 2.875)
    assert label_of(tracker) is B


def test_a_third_label_does_not_inherit_the_challengers_clock(tracker):
    look(tracker, W, 1.0)
    look(tracker, B, 2.0)
    look(tracker, L, 2.25)
    look(tracker, L, 2.5)
    assert label_of(tracker) is W, "L has led for 0.25 s only"
    look(tracker, L, 2.75)
    assert label_of(tracker) is L


def test_after_a_change_the_next_one_takes_the_whole_hold_again(tracker):
    look(tracker, W, 1.0)
    look(tracker, B, 2.0)
    look(tracker, B, 3.0)
    assert label_of(tracker) is B
    look(tracker, W, 3.125)
    assert label_of(tracker) is B
    look(tracker, W, 3.625)
    assert label_of(tracker) is W


# --- the lead must be large enough


def mixed(tracker, label: Label, other: Label, score: float, now: float) -> None:
    """Eight looks that say `label` with this score and `other` with the rest of it."""
    scores = {W: 0.0, B: 0.0, L: 0.0} | {label: score, other: 1 - score}
    for _ in range(8):
        tracker.vote(1, Classification(label, score, scores), now)


def test_a_small_lead_never_changes_the_label(tracker):
    look(tracker, W, 1.0)
    for tenth in range(50):
        mixed(tracker, B, W, 0.54, 2.0 + tenth / 10)  # leads by 0.08
    assert label_of(tracker) is W


def test_a_lead_of_a_tenth_is_enough(tracker):
    look(tracker, W, 1.0)
    mixed(tracker, B, W, 0.56, 2.0)
    mixed(tracker, B, W, 0.56, 2.5)
    assert label_of(tracker) is B


@pytest.mark.parametrize(("lead", "label"), [(0.25, B), (0.25 + 2**-20, W)])
def test_a_lead_that_just_reaches_the_limit_is_enough(tracker, monkeypatch, lead, label):
    monkeypatch.setattr(tracking, "MIN_LEAD", lead)
    look(tracker, W, 1.0)
    mixed(tracker, B, W, 0.625, 2.0)  # leads by exactly 0.25
    mixed(tracker, B, W, 0.625, 2.5)
    assert label_of(tracker) is label


def test_a_lead_that_shrinks_below_the_limit_begins_anew(tracker):
    look(tracker, W, 1.0)
    mixed(tracker, B, W, 0.75, 2.0)
    mixed(tracker, B, W, 0.51, 2.25)
    mixed(tracker, B, W, 0.75, 2.375)
    mixed(tracker, B, W, 0.75, 2.75)
    assert label_of(tracker) is W
    mixed(tracker, B, W, 0.75, 2.875)
    assert label_of(tracker) is B


def test_the_lead_is_over_the_label_that_is_shown_not_over_the_second(tracker):
    look(tracker, W, 1.0)
    mixed(tracker, B, L, 0.52, 2.0)  # B leads L by 0.04 and W by 0.52
    mixed(tracker, B, L, 0.52, 2.5)
    assert label_of(tracker) is B
