"""Blurred faces and drawn boxes."""

import numpy as np
import pytest

from edge.pictures.annotate import annotate, blur_faces
from edge.types import (
    BoundingBox,
    Label,
)


def test_blur_leaves_the_rest_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    out = blur_faces(pixels, [BoundingBox(20, 20, 40, 40)])
    assert np.array_equal(out[:15], pixels[:15])
    assert not np.array_equal(out[20:40, 20:40], pixels[20:40, 20:40])


@pytest.mark.parametrize(
    "box", [BoundingBox(0, 0, 64, 48), BoundingBox(60, 44, 64, 48), BoundingBox(0, 0, 1, 1)]
)
def test_annotation_fits_any_box(box):
    pixels = np.zeros((48, 64, 3), np.uint8)
    out = annotate(pixels, [(box, Label.WITHOUT_MASK, 0.5)])
    assert out.shape == pixels.shape
    assert out.any()
    assert not pixels.any()
