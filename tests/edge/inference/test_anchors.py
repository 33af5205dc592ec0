"""Anchors, offsets, and non-maximum suppression."""

import numpy as np
import pytest

from edge.inference.anchors import decode_boxes, level_anchors, non_maximum_suppression, pairwise_iou
from edge.types import BoundingBox


def test_anchors_are_centred_on_cells_in_row_major_order():
    anchors = level_anchors(64, 48, 16, [(10, 20), (30, 30)])
    assert anchors.shape == (3 * 4 * 2, 4)
    assert anchors[0].tolist() == [8, 8, 10, 20]
    assert anchors[1].tolist() == [8, 8, 30, 30]
    assert anchors[2].tolist() == [24, 8, 10, 20]
    assert anchors[8].tolist() == [8, 24, 10, 20]


def test_offsets_move_and_stretch_their_anchor():
    anchors = np.array([[100, 60, 20, 40]] * 3, np.float32)
    raw = np.array([[0, 0, 0, 0], [10, -5, 0, 0], [0, 0, 5 * np.log(2), 5 * np.log(0.5)]], np.float32)
    boxes = decode_boxes(raw, anchors, (0.1, 0.2))
    assert boxes.tolist() == [[90, 40, 110, 80], [110, 20, 130, 60], pytest.approx([80, 50, 120, 70])]


def test_absurd_offsets_stay_finite():
    assert np.isfinite(
        decode_boxes(np.full((1, 4), 1e4, np.float32), np.ones((1, 4), np.float32), (0.1, 0.2))
    ).all()


def test_pairwise_iou_agrees_with_the_box():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 70]], np.float32)
    for row, first in zip(pairwise_iou(boxes, boxes), boxes, strict=True):
        assert row == pytest.approx([BoundingBox(*first).iou(BoundingBox(*second)) for second in boxes])


def test_non_maximum_suppression_keeps_the_best_of_each_heap():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [2, 0, 12, 10]], np.float32)
    scores = np.array([0.6, 0.9, 0.5, 0.7], np.float32)
    assert non_maximum_suppression(boxes, scores, 0.4).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.4, limit=1).tolist() == [1]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.4).tolist() == []
