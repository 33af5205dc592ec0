"""Which detection is which face: by overlap first, then by a near miss of like size."""

import pytest

from edge.types import BoundingBox
from tests.builders import make_detection, make_tracker
from tests.edge.tracking.builders import STEP, confirm, face_around, face_at

SURE, UNSURE = 0.7, 0.5


def is_same_face(first, second) -> bool:
    """Whether a second frame's detection is taken for the first frame's face."""
    tracker = make_tracker()
    tracker.update([first], 0.0)
    return len(tracker.update([second], STEP)) == 1


def where(tracks) -> dict[int, float]:
    return {track.track_id: track.box.xmin for track in tracks}


def test_two_faces_are_not_mixed_up_when_their_order_changes():
    tracker = make_tracker()
    left, right = make_detection(0), make_detection(300)
    first = where(tracker.update([left, right], 0.0))
    assert where(tracker.update([right, left], STEP)) == first


def test_a_track_takes_the_box_of_its_newest_detection():
    tracker = make_tracker()
    tracker.update([face_at(0)], 0.0)
    (track,) = tracker.update([face_at(5, 3, 44, 42)], STEP)
    assert track.box == BoundingBox(5, 3, 49, 45)


def test_a_fast_mover_is_followed_without_overlap():
    tracker = make_tracker()
    tracker.update([make_detection(0, size=40)], 0.0)
    assert [track.track_id for track in tracker.update([make_detection(34, size=42)], 0.2)] == [1]
    assert len(tracker.update([make_detection(200, size=42)], 0.4)) == 2


# --- overlaps


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_overlaps_the_larger_one_is_the_face(order):
    tracker = make_tracker()
    tracker.update([face_at(0)], 0.0)
    assert where(tracker.update([face_at(4), face_at(-12)][::order], STEP)) == {1: 4, 2: -12}


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_faces_the_one_with_the_larger_overlap_gets_the_detection(order):
    tracker = make_tracker()
    tracker.update([face_at(0), face_at(20)][::order], 0.0)
    assert sorted(track.box.xmin for track in tracker.update([face_at(16)], STEP)) == [0, 16]


WIDE, TALL = face_around(100, 100, 80, 20), face_around(100, 100, 20, 80)
"""A cross: the centres are the same, the overlap is only 1/7."""


@pytest.mark.parametrize("order", [1, -1])
def test_an_overlap_of_a_quarter_wins_over_a_near_miss_whose_centre_is_nearer(order):
    moved = face_around(148, 100, 80, 20)  # 32 of 128 px: exactly 0.25
    tracker = make_tracker()
    tracker.update([WIDE], 0.0)
    assert where(tracker.update([moved, TALL][::order], STEP))[1] == moved.box.xmin


@pytest.mark.parametrize("order", [1, -1])
def test_less_than_a_quarter_is_a_near_miss_and_the_nearer_centre_wins(order):
    moved = face_around(149, 100, 80, 20)
    tracker = make_tracker()
    tracker.update([WIDE], 0.0)
    assert where(tracker.update([moved, TALL][::order], STEP))[1] == TALL.box.xmin


# --- near misses: the distance between the centres


@pytest.mark.parametrize(
    ("dx", "dy", "same"),
    [
        (35, 0, True),
        (-35, 0, True),
        (36, 0, False),  # exactly 0.9 of the width
        (-36, 0, False),
        (0, 35, True),
        (0, -35, True),
        (0, 36, False),
        (0, -36, False),
        (25, 25, True),  # 35.4 px away
        (26, 26, False),  # 36.8 px away, though neither across nor down it is 36
        (-26, 26, False),
        (26, -26, False),
        (35, 400, False),
        (400, 35, False),
    ],
)
def test_a_face_moves_less_than_nine_tenths_of_its_width_in_any_direction(dx, dy, same):
    assert is_same_face(face_at(100, 100), face_at(100 + dx, 100 + dy)) is same


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("near", "far"), [((28, 0), (-34, 0)), ((0, 28), (0, -34)), ((20, 20), (-24, 24))])
def test_of_two_near_misses_the_nearer_one_is_the_face(near, far, order):
    tracker = make_tracker()
    tracker.update([face_at(100, 100)], 0.0)
    pair = [face_at(100 + dx, 100 + dy) for dx, dy in (near, far)]
    first, _ = tracker.update(pair[::order], STEP)
    assert (first.track_id, first.box) == (1, pair[0].box)


@pytest.mark.parametrize("order", [1, -1])
def test_the_wider_of_the_two_boxes_is_the_measure(order):
    small, large = face_around(100, 100, 40, 40), face_around(145, 100, 60, 60)
    assert is_same_face(*[small, large][::order])  # 45 px of 60
    assert not is_same_face(*[small, face_around(154, 100, 60, 60)][::order])  # 54 px of 60: 0.9


def test_the_measure_is_the_width_not_the_height():
    assert not is_same_face(face_at(0, 0, 20, 60), face_at(25, 0, 20, 60))
    assert is_same_face(face_at(0, 0, 60, 20), face_at(0, 40, 60, 20))


def test_a_box_narrower_than_a_pixel_is_measured_as_one_pixel():
    assert is_same_face(face_at(0, 0, 0.5, 80), face_at(0.875, 0, 0.5, 80))
    assert not is_same_face(face_at(0, 0, 0.5, 80), face_at(0.9375, 0, 0.5, 80))


# --- near misses: the size


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("width", "height", "same"),
    [
        (40, 16, False),  # exactly 0.4 of the area
        (40, 17, True),
        (16, 40, False),
        (17, 40, True),
        (40, 100, False),  # the other is 0.4 of this one
        (40, 96, True),
    ],
)
def test_a_near_miss_has_more_than_four_tenths_of_the_area(width, height, same, order):
    pair = [face_around(100, 100, 40, 40), face_around(130, 100, width, height)]
    assert is_same_face(*pair[::order]) is same


@pytest.mark.parametrize(("height", "same"), [(0.25, False), (0.5, True), (0.0, False)])
def test_an_area_below_a_pixel_is_compared_with_one_pixel(height, same):
    """So that a box without any area divides nothing by zero."""
    assert is_same_face(face_at(0, 0, 1, height), face_at(0, 0.5, 1, height)) is same


# --- one face, one detection


def test_two_detections_on_one_face_are_two_faces():
    tracker = make_tracker()
    tracker.update([face_at(0)], 0.0)
    assert where(tracker.update([face_at(2), face_at(8)], STEP)) == {1: 2, 2: 8}


def test_one_detection_between_two_faces_moves_one_of_them():
    tracker = make_tracker()
    confirm(tracker, face_at(0), face_at(30))
    assert where(tracker.update([face_at(18)], 3 * STEP)) == {1: 0, 2: 18}


def test_a_face_that_found_a_better_detection_leaves_the_other_to_its_neighbour():
    tracker = make_tracker()
    tracker.update([face_at(0), face_at(30)], 0.0)
    assert where(tracker.update([face_at(12), face_at(2)], STEP)) == {1: 2, 2: 12}


def test_numbers_are_never_given_twice():
    tracker = make_tracker()
    tracker.update([face_at(0)], 0.0)
    tracker.update([], 1.0)
    assert where(tracker.update([face_at(0), face_at(300)], 1.0 + STEP)) == {2: 0, 3: 300}


# --- sure detections before the others


@pytest.mark.parametrize("order", [1, -1])
def test_a_second_unsure_box_on_one_face_makes_no_second_track(order):
    tracker = make_tracker(sure_score=0.6)
    for i in range(5):
        pair = [make_detection(12, score=SURE), make_detection(10, score=UNSURE)][::order]
        tracks = tracker.update([make_detection(10, score=SURE)] if i == 0 else pair, i * STEP)
    assert where(tracks) == {1: 12}


def test_a_sure_newcomer_does_not_take_the_track_of_an_unsure_neighbour():
    tracker = make_tracker(sure_score=0.6)
    confirm(tracker, make_detection(100, score=SURE))
    tracks = tracker.update([make_detection(130, score=SURE), make_detection(101, score=UNSURE)], 4 * STEP)
    assert where(tracks) == {1: 101, 2: 130}


@pytest.mark.parametrize("order", [1, -1])
def test_an_unsure_overlap_keeps_its_face_from_a_sure_near_miss_on_the_same_spot(order):
    tracker = make_tracker(sure_score=0.6)
    tracker.update([WIDE], 0.0)
    sure, unsure = face_around(100, 100, 20, 80, SURE), face_around(120, 100, 80, 20, UNSURE)
    tracks = tracker.update([sure, unsure][::order], STEP)
    assert where(tracks) == {1: unsure.box.xmin, 2: sure.box.xmin}
