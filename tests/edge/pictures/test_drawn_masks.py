"""Masks drawn on bare faces."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from edge.pictures.drawn_masks import MaskStyle, draw_mask

LANDMARKS = ((40, 40), (80, 40), (60, 62), (45, 84), (75, 84))


def test_a_drawn_mask_covers_the_mouth_and_leaves_the_eyes():
    face = np.full((140, 120, 3), (200, 160, 140), np.uint8)
    masked = draw_mask(face, LANDMARKS, MaskStyle(colour=(20, 40, 200), shading=0.0, folds=0))
    changed = np.abs(masked.astype(int) - face).max(axis=2) > 40
    assert changed[84, 60]
    assert changed[62, 60]
    assert not changed[40, 40]
    assert not changed[40, 80]
    assert not changed[5].any()
    low = draw_mask(face, LANDMARKS, MaskStyle(colour=(20, 40, 200), top=0.86, shading=0.0, folds=0))
    changed = np.abs(low.astype(int) - face).max(axis=2) > 40
    assert changed[95, 60]
    assert not changed[62, 60], "the nose is to stay bare"
    assert np.all(face == (200, 160, 140)), "the picture that came in is not drawn upon"


@pytest.mark.parametrize(
    "landmarks", [((0, 0),) * 5, ((-50, -50), (300, -50), (100, 10), (-50, 400), (300, 400))]
)
def test_drawing_survives_absurd_landmarks(landmarks):
    assert draw_mask(np.zeros((40, 40, 3), np.uint8), landmarks, MaskStyle()).shape == (40, 40, 3)
