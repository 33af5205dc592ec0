"""Matching faces to anchors, and what mistakes cost."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")
import keras

from edge.inference.anchors import decode_boxes, pairwise_iou
from training.detector.losses import DetectionLoss, Matcher, flatten_outputs, generalised_iou
from training.detector.network import build_detector
from training.detector.shape import DetectorShape

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SHAPE = DetectorShape(320, 256)
NONE = np.empty((0, 4), np.float32)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def encode(corners: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """The inverse of `decode_boxes`."""
    size, centre = np.maximum(corners[:, 2:] - corners[:, :2], 1e-3), (corners[:, 2:] + corners[:, :2]) / 2
    centre_variance, size_variance = SHAPE.variances
    shift = (centre - anchors[:, :2]) / anchors[:, 2:] / centre_variance
    return np.concatenate([shift, np.log(size / anchors[:, 2:]) / size_variance], axis=1)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher(SHAPE)


@pytest.mark.parametrize("height", [5, 9, 14, 22, 40, 75, 120, 180, 250])
def test_every_face_size_finds_anchors_of_its_size(matcher: Matcher, height: float) -> None:
    face = boxes(
        (164 - 0.4 * height, 132 - height / 2, 164 + 0.4 * height, 132 + height / 2)
    )  # on a cell of stride 8
    targets = matcher(face, np.array([False]))
    chosen = matcher.corners[targets[:, 0] == 1]
    assert 1 <= len(chosen) <= 40
    assert pairwise_iou(chosen, face).max() > (0.3 if height > 7 else 0.15)
    np.testing.assert_allclose(targets[targets[:, 0] == 1, 2:], np.repeat(face, len(chosen), axis=0))


def test_no_face_is_all_background(matcher: Matcher) -> None:
    targets = matcher(NONE, np.empty(0, bool))
    assert not targets[:, 0].any() and targets[:, 1].all()


def test_two_neighbours_keep_their_own_anchors(matcher: Matcher) -> None:
    faces = boxes((100, 100, 132, 140), (124, 104, 156, 144))
    targets = matcher(faces, np.zeros(2, bool))
    owned = targets[targets[:, 0] == 1, 2:]
    assert {tuple(row) for row in owned} == {tuple(face) for face in faces}


def test_ignored_faces_cost_nothing_but_do_not_silence_a_face_over_them(matcher: Matcher) -> None:
    region, face = boxes((40, 40, 80, 90)), boxes((45, 45, 75, 85))
    alone = matcher(region, np.array([True]))
    assert not alone[:, 0].any() and 0 < (alone[:, 1] == 0).sum() < 400
    both = matcher(np.concatenate([region, face]), np.array([True, False]))
    assert both[both[:, 0] == 1, 1].all() and both[:, 0].sum() >= 1


def test_loss_decodes_as_the_runtime_does() -> None:
    raw = np.random.default_rng(0).normal(0, 2, (1, len(SHAPE.anchors()), 4)).astype(np.float32)
    expected = decode_boxes(raw[0], SHAPE.anchors(), SHAPE.variances)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(DetectionLoss(SHAPE).decode(raw))[0], expected, rtol=1e-4, atol=1e-2
    )


def test_loss_is_small_for_the_right_answer_and_grows_with_each_mistake(matcher: Matcher) -> None:
    face = boxes((100, 60, 140, 110))
    targets = matcher(face, np.array([False]))[None]
    right = np.zeros((1, targets.shape[1], 5), np.float32)
    right[..., 0] = np.where(targets[..., 0] == 1, 8, -8)
    right[0, :, 1:] = encode(targets[0, :, 2:], matcher.anchors)
    loss = DetectionLoss(SHAPE)
    best = float(loss(targets, right))
    wrong_score, wrong_box, ignored = right.copy(), right.copy(), right.copy()
    wrong_score[..., 0] *= -1
    wrong_box[..., 1] += 5
    assert best < 0.01 < float(loss(targets, wrong_box)) < float(loss(targets, wrong_score))
    ignored[0, 0, 0] = 8
    silent = targets.copy()
    silent[0, 0, 1] = 0
    assert float(loss(silent, ignored)) == pytest.approx(best, abs=1e-4)
    assert float(loss(targets, ignored)) > best + 0.1


def test_generalised_iou() -> None:
    one, other = (
        boxes((0, 0, 2, 2), (0, 0, 2, 2), (0, 0, 1, 1)),
        boxes((0, 0, 2, 2), (1, 0, 3, 2), (3, 0, 4, 1)),
    )
    np.testing.assert_allclose(generalised_iou(one, other), [1, 1 / 3, -0.5], atol=1e-6)


def test_flattened_outputs_keep_the_order_of_the_anchors() -> None:
    model = build_detector(SHAPE, 0.25)
    flat = keras.Model(model.input, flatten_outputs(model.outputs))
    picture = np.random.default_rng(0).normal(0, 1, (1, SHAPE.height, SHAPE.width, 3)).astype(np.float32)
    outputs = [keras.ops.convert_to_numpy(output) for output in model(picture)]
    got = keras.ops.convert_to_numpy(flat(picture))[0]
    np.testing.assert_allclose(
        got[:, 0], np.concatenate([scores.ravel() for scores in outputs[::2]]), atol=1e-5
    )
    np.testing.assert_allclose(
        got[:, 1:], np.concatenate([raw.reshape(-1, 4) for raw in outputs[1::2]]), atol=1e-5
    )
