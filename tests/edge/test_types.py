import dataclasses

import pytest

from edge.types import BoundingBox, Detection

BOX = BoundingBox(10, 20, 30, 60)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (BOX, 1.0),
        (BoundingBox(30, 20, 50, 60), 0.0),  # half-open: touching is not overlapping
        (BoundingBox(20, 20, 40, 60), 1 / 3),
        (BoundingBox(0, 0, 5, 5), 0.0),
        (BoundingBox(15, 30, 15, 30), 0.0),
    ],
)
def test_iou(other, expected):
    assert BOX.iou(other) == pytest.approx(expected)
    assert other.iou(BOX) == pytest.approx(expected)


def test_iou_of_two_empty_boxes_is_zero():
    assert BoundingBox(1, 1, 1, 1).iou(BoundingBox(1, 1, 1, 1)) == 0.0


def test_size():
    assert (BOX.width, BOX.height, BOX.area) == (20, 40, 800)
    assert BoundingBox(5, 5, 1, 1).area == 0


def test_clip_pad_square_scale():
    assert BoundingBox(-5, -5, 700, 20).clip(640, 480) == BoundingBox(0, 0, 640, 20)
    assert BOX.pad(0.5) == BoundingBox(0, 0, 40, 80)
    assert BOX.square() == BoundingBox(0, 20, 40, 60)
    assert BOX.scale(2, 0.5) == BoundingBox(20, 10, 60, 30)


def test_types_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Detection(BOX, 0.5).score = 1.0  # type: ignore[misc]
