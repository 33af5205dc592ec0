"""Which faces are classified in a frame, in which order, and how many."""

import pytest

from edge.types import Label
from tests.builders import make_detection, make_tracker
from tests.edge.tracking.builders import STEP, confirm, face_at, look, stay

W, B = Label.WITH_MASK, Label.WITHOUT_MASK


def numbers(tracks) -> list[int]:
    return [track.track_id for track in tracks]


def three_settled(*looked_at: float):
    """Three faces with masks, last looked at at these times; all are in view at 1.0 s."""
    tracker = make_tracker()
    faces = [face_at(0), face_at(300), face_at(600)]
    confirm(tracker, *faces)
    for track_id, now in enumerate(looked_at, 1):
        look(tracker, W, now, track_id)
    tracker.update(faces, 1.0)
    return tracker


def test_a_face_is_due_in_the_frame_that_first_shows_it():
    tracker = make_tracker()
    tracker.update([make_detection()], 0.0)
    (track,) = tracker.due(0.0, 4, 10.0)
    assert (track.track_id, track.box, track.age_s) == (1, make_detection().box, 0.0)


def test_the_age_of_a_face_that_is_due_is_right_too():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    assert tracker.due(2 * STEP, 4, 10.0)[0].age_s == 2 * STEP


def test_a_face_that_is_not_in_this_frame_is_not_due():
    tracker = make_tracker()
    confirm(tracker, face_at(0), face_at(300))
    tracker.update([face_at(300)], 3 * STEP)
    assert numbers(tracker.due(3 * STEP, 4, 10.0)) == [2]
    tracker.update([face_at(0), face_at(300)], 4 * STEP)
    assert numbers(tracker.due(4 * STEP, 4, 10.0)) == [1, 2]


@pytest.mark.parametrize(
    ("width", "height", "due"), [(50, 50, True), (30, 50, True), (50, 49, False), (90, 49, False)]
)
def test_a_face_lower_than_the_limit_is_never_classified(width, height, due):
    tracker = make_tracker(min_face_px=50)
    tracker.update([face_at(0, 0, width, height)], 0.0)
    assert bool(tracker.due(0.0, 4, 0.0)) is due


# --- the order


def test_faces_with_fewer_looks_come_first():
    tracker = make_tracker()
    confirm(tracker, face_at(0), face_at(300), face_at(600))
    look(tracker, W, 0.25, track_id=1, votes=1)
    look(tracker, W, 0.125, track_id=2, votes=1)
    assert numbers(tracker.due(0.25, 4, 0.0)) == [3, 2, 1]


def test_of_faces_in_doubt_with_as_many_looks_the_one_looked_at_longest_ago_comes_first():
    tracker = three_settled(0.25, 0.25, 0.25)
    for track_id, now in ((2, 0.5), (3, 0.625), (1, 0.75)):
        look(tracker, B, now, track_id, votes=1)
    assert numbers(tracker.due(1.0, 4, 10.0)) == [2, 3, 1]


def test_of_settled_faces_the_one_looked_at_longest_ago_comes_first():
    assert numbers(three_settled(0.5, 0.25, 0.375).due(1.0, 4, 0.0)) == [2, 3, 1]


def test_a_newcomer_comes_before_settled_faces_that_were_looked_at_long_ago():
    tracker = three_settled(0.25, 0.25, 0.25)
    stay(tracker, face_at(0), face_at(300), face_at(600), start=1.0 + STEP, end=9.0)
    tracker.update([face_at(0), face_at(300), face_at(600), face_at(900)], 9.0)
    assert numbers(tracker.due(9.0, 2, 0.5)) == [4, 1]


# --- how many


@pytest.mark.parametrize(("budget", "due"), [(0, []), (1, [2]), (2, [2, 3]), (3, [2, 3, 1]), (9, [2, 3, 1])])
def test_no_more_than_the_budget(budget, due):
    assert numbers(three_settled(0.5, 0.25, 0.375).due(1.0, budget, 0.0)) == due


def test_a_crowd_takes_turns_within_the_budget():
    tracker = make_tracker()
    faces = [face_at(300 * i) for i in range(5)]
    seen = []
    for i in range(5):
        tracker.update(faces, i * STEP)
        for track in tracker.due(i * STEP, 2, 10.0):
            look(tracker, W, i * STEP, track.track_id, votes=1)
            seen.append(track.track_id)
    assert seen == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]


# --- how soon again


def test_a_settled_face_is_due_again_after_its_beat():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    look(tracker, W, 0.25)
    assert tracker.due(0.6875, 4, settled_every_s=0.5) == []
    assert numbers(tracker.due(0.75, 4, settled_every_s=0.5)) == [1]


def test_a_face_without_a_label_is_due_in_every_frame():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    look(tracker, W, 0.25, votes=1)
    assert numbers(tracker.due(0.25, 4, settled_every_s=10.0)) == [1]


def test_a_settled_face_whose_last_look_disagreed_is_due_at_once():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    look(tracker, W, 0.25)
    assert tracker.due(0.25, 4, settled_every_s=10.0) == []
    look(tracker, B, 0.25, votes=1)
    assert numbers(tracker.due(0.25, 4, settled_every_s=10.0)) == [1]
    look(tracker, W, 0.25, votes=1)
    assert tracker.due(0.25, 4, settled_every_s=10.0) == []


def test_while_another_label_leads_a_face_is_due_at_once_though_its_last_look_agreed():
    tracker = make_tracker()
    confirm(tracker, make_detection())
    look(tracker, W, 0.25)
    look(tracker, B, 0.25)
    look(tracker, W, 0.25, votes=1)
    assert tracker.tracks(0.25)[0].label is W
    assert numbers(tracker.due(0.25, 4, settled_every_s=10.0)) == [1]
