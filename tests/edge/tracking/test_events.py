"""The life of a face: tentative, confirmed, lost, ended; and the events that say so."""

import pytest

from edge.types import Event, EventKind, Label, TrackStatus
from tests.builders import make_detection, make_tracker
from tests.edge.tracking.builders import STEP, confirm, face_at, look, settle, stay

LOST_AFTER_S, END_AFTER_S = 0.6, 1.5
"""What the tests below say of the time that a missing face is waited for."""


def test_a_face_is_confirmed_at_its_third_detection_and_keeps_its_number():
    tracker = make_tracker()
    statuses = [tracker.update([make_detection(10 + 3 * i)], i * STEP)[0] for i in range(5)]
    assert [track.status for track in statuses] == [TrackStatus.TENTATIVE] * 2 + [TrackStatus.CONFIRMED] * 3
    assert {track.track_id for track in statuses} == {1}


def test_a_face_is_new_once_when_it_is_confirmed():
    tracker = make_tracker()
    for i in range(8):
        tracker.update([make_detection()], 10 + i * STEP)
    assert tracker.take_events() == [Event(EventKind.NEW, 1, None, Label.UNKNOWN, 10 + 2 * STEP)]


def test_a_face_that_was_named_before_it_was_confirmed_is_new_with_its_name():
    tracker = make_tracker()
    tracker.update([make_detection()], 0.0)
    look(tracker, Label.WITH_MASK, 0.0)
    tracker.update([make_detection()], STEP)
    tracker.update([make_detection()], 2 * STEP)
    assert tracker.take_events() == [Event(EventKind.NEW, 1, None, Label.WITH_MASK, 2 * STEP)]


def test_several_faces_are_new_each_with_its_own_number():
    tracker = make_tracker()
    confirm(tracker, face_at(0), face_at(300))
    assert [(event.kind, event.track_id) for event in tracker.take_events()] == [
        (EventKind.NEW, 1),
        (EventKind.NEW, 2),
    ]


def test_events_are_handed_out_once():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    assert len(tracker.take_events()) == 1
    assert tracker.take_events() == []


def test_a_change_says_from_what_to_what_and_when():
    tracker = make_tracker(hold_s=0.5)
    confirm(tracker, face_at(300), face_at(0))
    tracker.take_events()
    look(tracker, Label.WITH_MASK, 1.0, track_id=2)
    look(tracker, Label.INCORRECT_MASK, 2.0, track_id=2)
    look(tracker, Label.INCORRECT_MASK, 3.0, track_id=2)
    assert tracker.take_events() == [
        Event(EventKind.CHANGED, 2, Label.UNKNOWN, Label.WITH_MASK, 1.0),
        Event(EventKind.CHANGED, 2, Label.WITH_MASK, Label.INCORRECT_MASK, 3.0),
    ]


# --- faces that go


def test_a_confirmed_face_that_goes_ends_with_its_last_label():
    tracker = make_tracker()
    confirm(tracker, face_at(300), face_at(0))
    look(tracker, Label.WITH_MASK, 0.25, track_id=2)
    tracker.update([face_at(300)], 0.25)
    tracker.take_events()
    stay(tracker, face_at(300), start=0.375, end=1.75)
    tracker.update([face_at(300)], 2.0)
    assert tracker.take_events() == [Event(EventKind.ENDED, 2, Label.WITH_MASK, None, 2.0)]
    assert [track.track_id for track in tracker.tracks(2.0)] == [1]


def test_a_face_that_was_never_new_is_never_ended():
    tracker = make_tracker()
    tracker.update([make_detection()], 0.0)
    tracker.update([make_detection()], STEP)
    assert tracker.update([], 5.0) == []
    assert tracker.take_events() == []


def test_a_confirmed_face_is_lost_and_then_ended():
    tracker = make_tracker()
    last = confirm(tracker, make_detection(), start=-2 * STEP)
    assert last == 0.0
    statuses = {now: [track.status for track in tracker.update([], now)] for now in (0.6, 0.625, 1.5, 1.5625)}
    assert statuses == {
        LOST_AFTER_S: [TrackStatus.CONFIRMED],
        0.625: [TrackStatus.LOST],
        END_AFTER_S: [TrackStatus.LOST],
        1.5625: [],
    }


def test_a_tentative_face_is_waited_for_less_long():
    tracker = make_tracker()
    tracker.update([make_detection()], 0.0)
    assert [track.status for track in tracker.update([], LOST_AFTER_S)] == [TrackStatus.TENTATIVE]
    assert tracker.update([], 0.625) == []


def test_asking_for_the_tracks_ends_none_but_says_which_are_lost():
    tracker = make_tracker()
    tracker.update([make_detection()], 0.0)
    assert [track.status for track in tracker.tracks(5.0)] == [TrackStatus.LOST]


def test_a_lost_face_that_comes_back_is_the_same_one_and_no_event():
    tracker = make_tracker()
    confirm(tracker, make_detection(), start=-2 * STEP)
    look(tracker, Label.WITH_MASK, 0.0)
    tracker.take_events()
    assert tracker.update([], 1.25)[0].status is TrackStatus.LOST
    (track,) = tracker.update([make_detection()], 1.5)
    assert (track.track_id, track.label, track.status) == (1, Label.WITH_MASK, TrackStatus.CONFIRMED)
    assert tracker.take_events() == []


def test_a_blink_of_the_detector_makes_no_event():
    tracker = make_tracker()
    now = settle(tracker, Label.WITH_MASK, 6, 0.0)
    tracker.take_events()
    tracker.update([], now)
    assert tracker.take_events() == []


# --- what a track says


def test_age_is_seconds_since_the_face_was_first_seen():
    tracker = make_tracker()
    confirm(tracker, face_at(0), start=10.0)
    tracker.update([face_at(0), face_at(300)], 11.0)
    assert [track.age_s for track in tracker.tracks(11.5)] == [1.5, 0.5]
    assert [track.age_s for track in tracker.update([], 12.0)] == [2.0]  # the other was tentative


def test_the_oldest_face_comes_first():
    tracker = make_tracker()
    confirm(tracker, face_at(300))
    tracks = tracker.update([face_at(0), face_at(300)], 3 * STEP)
    assert [track.box.xmin for track in tracks] == [300, 0]


# --- sure and unsure detections: a lower score holds a track, for a while

SURE, UNSURE, LIMIT = 0.7, 0.5, 0.6


def test_an_unsure_detection_begins_and_confirms_no_track():
    tracker = make_tracker(sure_score=LIMIT)
    assert tracker.update([make_detection(score=UNSURE)], 0.0) == []
    tracker.update([make_detection(score=SURE)], STEP)
    for i in range(2, 8):
        assert tracker.update([make_detection(score=UNSURE)], i * STEP)[0].status is TrackStatus.TENTATIVE


def test_a_score_at_the_limit_is_sure():
    tracker = make_tracker(sure_score=LIMIT)
    confirm(tracker, make_detection(score=LIMIT))
    assert tracker.tracks(0.25)[0].status is TrackStatus.CONFIRMED


def test_unsure_detections_hold_and_move_a_track_for_ten_seconds():
    tracker = make_tracker(sure_score=LIMIT)
    confirm(tracker, make_detection(10, score=SURE), start=-2 * STEP)
    for i in range(1, 81):
        (track,) = tracker.update([make_detection(10 + i, score=UNSURE)], i * STEP)
        assert (track.status, track.box.xmin) == (TrackStatus.CONFIRMED, 10 + i)
    (track,) = tracker.update([make_detection(95, score=UNSURE)], 10.0625)
    assert track.box.xmin == 90, "10 s after the last sure detection it holds no more"
    assert tracker.update([make_detection(90, score=UNSURE)], 11.0)[0].status is TrackStatus.LOST
    assert tracker.update([make_detection(90, score=UNSURE)], 12.0) == []


def test_a_face_that_is_held_no_more_is_not_classified():
    tracker = make_tracker(sure_score=LIMIT)
    confirm(tracker, make_detection(score=SURE), start=-2 * STEP)
    stay(tracker, make_detection(score=UNSURE), start=STEP, end=10.0)
    tracker.update([make_detection(score=UNSURE)], 10.0)
    assert len(tracker.due(10.0, 4, 0.0)) == 1
    tracker.update([make_detection(score=UNSURE)], 10.125)
    assert tracker.due(10.125, 4, 0.0) == []


@pytest.mark.parametrize("every", [2, 79])
def test_a_sure_detection_begins_the_ten_seconds_anew(every):
    tracker = make_tracker(sure_score=LIMIT)
    for i in range(400):
        tracker.update([make_detection(score=SURE if i < 3 or i % every == 0 else UNSURE)], i * STEP)
    assert [track.status for track in tracker.tracks(399 * STEP)] == [TrackStatus.CONFIRMED]
    assert [event.kind for event in tracker.take_events()] == [EventKind.NEW]


@pytest.mark.parametrize("now", [0.25 + END_AFTER_S + 0.01, 5.0, 3600.0, 0.24, -1e6])
def test_a_face_behind_a_hole_in_time_is_another_one(now):
    """Behind the next picture of a folder, a stopped process, a loop held up, or a clock set back."""
    tracker = make_tracker()
    confirm(tracker, face_at(0))
    look(tracker, Label.WITH_MASK, 0.25)
    tracker.take_events()
    (track,) = tracker.update([face_at(0)], now)
    assert (track.track_id, track.label, track.status) == (2, Label.UNKNOWN, TrackStatus.TENTATIVE)
    assert [event.kind for event in tracker.take_events()] == [EventKind.ENDED]


def test_a_slow_board_with_a_frame_in_a_second_and_a_half_still_confirms():
    tracker = make_tracker()
    for i in range(3):
        tracks = tracker.update([face_at(0)], i * END_AFTER_S)
    assert [track.status for track in tracks] == [TrackStatus.CONFIRMED]
