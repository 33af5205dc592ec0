import pytest

from edge.tracking import Tracker, TrackerSettings, mean_scores
from edge.types import EventKind, Label, TrackStatus
from tests.builders import make_detection, make_verdict

STEP = 0.1


def settle(tracker: Tracker, label: Label, frames: int, start: float, x: float = 10) -> float:
    """Show one face for some frames, all classified alike; returns the next time."""
    now = start
    for _ in range(frames):
        tracker.update([make_detection(x)], now)
        for track in tracker.due(now, budget=4, settled_every_s=0):
            tracker.vote(track.track_id, make_verdict(label), now)
        now += STEP
    return now


def test_a_face_is_confirmed_after_some_hits_and_keeps_its_number():
    tracker = Tracker()
    statuses = [tracker.update([make_detection(10 + 3 * i)], i * STEP)[0] for i in range(5)]
    assert [track.status for track in statuses] == [TrackStatus.TENTATIVE] * 2 + [TrackStatus.CONFIRMED] * 3
    assert {track.track_id for track in statuses} == {1}
    assert [event.kind for event in tracker.take_events()] == [EventKind.NEW]


def test_two_faces_are_not_mixed_up_when_their_order_changes():
    tracker = Tracker()
    left, right = make_detection(0), make_detection(300)
    first = {track.track_id: track.box.xmin for track in tracker.update([left, right], 0.0)}
    second = {track.track_id: track.box.xmin for track in tracker.update([right, left], STEP)}
    assert first == second


def test_a_fast_mover_is_followed_without_overlap():
    tracker = Tracker()
    tracker.update([make_detection(0, size=40)], 0.0)
    assert [track.track_id for track in tracker.update([make_detection(34, size=42)], 0.2)] == [1]
    assert len(tracker.update([make_detection(200, size=42)], 0.4)) == 2


def test_a_lost_face_ends_and_says_so():
    tracker = Tracker()
    now = settle(tracker, Label.WITH_MASK, 6, 0.0)
    tracker.take_events()
    assert tracker.update([], now + 0.7)[0].status is TrackStatus.LOST
    assert tracker.update([], now + 2.0) == []
    events = tracker.take_events()
    assert [(event.kind, event.before, event.after) for event in events] == [
        (EventKind.ENDED, Label.WITH_MASK, None)
    ]


def test_a_blink_of_a_detector_makes_no_event():
    tracker = Tracker()
    settle(tracker, Label.WITH_MASK, 6, 0.0)
    tracker.take_events()
    tracker.update([], 0.4)
    assert tracker.take_events() == []


def test_label_needs_votes_and_then_holds_against_one_bad_frame():
    tracker = Tracker()
    now = settle(tracker, Label.WITH_MASK, 1, 0.0)
    assert tracker.tracks(now)[0].label is Label.UNKNOWN
    now = settle(tracker, Label.WITH_MASK, 5, now)
    assert tracker.tracks(now)[0].label is Label.WITH_MASK
    now = settle(tracker, Label.WITHOUT_MASK, 2, now)
    assert tracker.tracks(now)[0].label is Label.WITH_MASK


@pytest.mark.parametrize("step", [0.05, 0.5])
def test_the_hold_counts_seconds_not_frames(step):
    """A change must take as long at 2 frames a second as at 20, within one frame."""
    tracker = Tracker(TrackerSettings(hold_s=1.0, vote_window=2))
    now = 0.0
    for _ in range(4):
        tracker.update([make_detection()], now)
        tracker.vote(1, make_verdict(Label.WITH_MASK), now)
        now += step
    turned = now
    while tracker.tracks(now)[0].label is Label.WITH_MASK and now < 10:
        tracker.update([make_detection()], now)
        tracker.vote(1, make_verdict(Label.WITHOUT_MASK), now)
        now += step
    assert 1.0 <= now - turned <= 1.0 + 3.5 * step


def test_missing_frames_add_no_votes():
    tracker = Tracker()
    now = settle(tracker, Label.WITH_MASK, 4, 0.0)
    before = tracker.tracks(now)[0].confidence
    tracker.update([], now)
    assert tracker.due(now, 4, 0) == []
    assert tracker.tracks(now)[0].confidence == before


def test_small_faces_are_never_classified():
    tracker = Tracker(TrackerSettings(min_face_px=50))
    tracker.update([make_detection(size=49)], 0.0)
    assert tracker.due(0.0, 4, 0) == []


def test_due_takes_newcomers_first_within_the_budget_and_settled_ones_at_a_slow_beat():
    tracker = Tracker()
    now = settle(tracker, Label.WITH_MASK, 8, 0.0, x=10)
    tracker.update([make_detection(10), make_detection(300), make_detection(500)], now)
    assert [track.track_id for track in tracker.due(now, 1, 10.0)] == [2]
    assert [track.track_id for track in tracker.due(now, 5, 10.0)] == [2, 3]
    assert [track.track_id for track in tracker.due(now, 5, 0.0)] == [2, 3, 1]


def test_a_settled_face_that_looks_different_is_looked_at_again_at_once():
    tracker = Tracker()
    now = settle(tracker, Label.WITH_MASK, 8, 0.0)
    tracker.update([make_detection()], now)
    assert tracker.due(now, 4, settled_every_s=10.0) == []
    tracker.vote(1, make_verdict(Label.WITHOUT_MASK), now)
    assert [track.track_id for track in tracker.due(now, 4, settled_every_s=10.0)] == [1]


def test_mean_scores_averages_vectors_not_winners():
    scores = mean_scores(
        [
            make_verdict(Label.WITH_MASK, 0.5),
            make_verdict(Label.WITH_MASK, 0.5),
            make_verdict(Label.WITHOUT_MASK, 0.98),
        ]
    )
    assert max(scores, key=lambda label: scores[label]) is Label.WITHOUT_MASK
    assert sum(scores.values()) == pytest.approx(1)


# --- sure and unsure detections

SURE, UNSURE = 0.7, 0.5


def doubting() -> Tracker:
    return Tracker(TrackerSettings(sure_score=0.6, unsure_for_s=1.0))


def test_an_unsure_detection_begins_and_confirms_no_track():
    tracker = doubting()
    assert tracker.update([make_detection(10, score=UNSURE)], 0.0) == []
    tracker.update([make_detection(10, score=SURE)], STEP)
    for i in range(2, 8):
        assert tracker.update([make_detection(10, score=UNSURE)], i * STEP)[0].status is TrackStatus.TENTATIVE


def test_unsure_detections_hold_a_track_for_a_while():
    tracker = doubting()
    for i in range(4):
        tracker.update([make_detection(10, score=SURE)], i * STEP)
    moved = [tracker.update([make_detection(10 + i, score=UNSURE)], (3 + i) * STEP)[0] for i in range(1, 10)]
    assert {track.status for track in moved} == {TrackStatus.CONFIRMED}
    assert moved[-1].box.xmin == 19
    statuses = [
        track.status
        for i in range(13, 40)
        for track in tracker.update([make_detection(19, score=UNSURE)], i * STEP)
    ]
    assert TrackStatus.LOST in statuses
    assert tracker.tracks(4.0) == []


def test_a_sure_detection_renews_the_while():
    tracker = doubting()
    for i in range(60):
        tracker.update([make_detection(10, score=SURE if i % 8 == 0 or i < 4 else UNSURE)], i * STEP)
    assert [track.status for track in tracker.tracks(6.0)] == [TrackStatus.CONFIRMED]
    assert [event.kind for event in tracker.take_events()] == [EventKind.NEW]


@pytest.mark.parametrize("order", [1, -1])
def test_a_second_unsure_box_on_one_face_makes_no_second_track(order):
    tracker = doubting()
    for i in range(5):
        pair = [make_detection(12, score=SURE), make_detection(10, score=UNSURE)][::order]
        tracks = tracker.update([make_detection(10, score=SURE)] if i == 0 else pair, i * STEP)
    assert [(track.track_id, track.box.xmin) for track in tracks] == [(1, 12)]


def test_a_sure_newcomer_does_not_take_the_track_of_an_unsure_neighbour():
    tracker = doubting()
    for i in range(4):
        tracker.update([make_detection(100, score=SURE)], i * STEP)
    tracks = tracker.update([make_detection(130, score=SURE), make_detection(101, score=UNSURE)], 4 * STEP)
    assert [track.box.xmin for track in tracks] == [101, 130]
