import numpy as np
import pytest

from edge.preprocess import crop, dequantise, normalise, quantise, resize
from edge.types import BoundingBox

PICTURE = np.arange(100 * 80 * 3, dtype=np.uint32).reshape(80, 100, 3).astype(np.uint8)


def test_crop_adds_the_margin_and_stays_inside():
    assert crop(PICTURE, BoundingBox(40, 30, 60, 50), 0.15).shape == (26, 26, 3)
    assert crop(PICTURE, BoundingBox(-10, -10, 20, 20), 0.0).shape == (20, 20, 3)


@pytest.mark.parametrize(
    "box", [BoundingBox(-50, -50, -10, -10), BoundingBox(500, 500, 600, 600), BoundingBox(5, 5, 5, 5)]
)
def test_crop_is_never_empty(box):
    assert min(crop(PICTURE, box).shape[:2]) >= 1


def test_resize_keeps_colours_apart():
    red = np.zeros((50, 70, 3), np.uint8)
    red[..., 0] = 255
    for size in ((7, 5), (140, 100), (70, 50), (20, 200)):
        small = resize(red, *size)
        assert small.shape == (size[1], size[0], 3)
        assert small.dtype == np.uint8
        assert np.all(small == (255, 0, 0))


def test_shrinking_averages_over_the_area():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.all(np.abs(resize(stripes, 16, 16).astype(int) - 100) <= 1)


def test_quantising_at_our_scale_loses_nothing():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    quantised = quantise(pixels, 1 / 128, 0)
    assert quantised.dtype == np.int8
    assert np.array_equal(quantised.astype(int), pixels.astype(int) - 128)
    assert np.array_equal(dequantise(quantised, 1 / 128, 0), normalise(pixels))


def test_quantising_clips_and_rounds_at_another_scale():
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    assert quantise(pixels, 0.004, 10).tolist() == [[[-128, 10, 127]]]
    assert quantise(pixels, 0.004, 138, "uint8").tolist() == [[[0, 138, 255]]]


def test_dequantise_does_not_wrap():
    assert dequantise(np.array([-128, 127], np.int8), 0.5, 100).tolist() == [-114.0, 13.5]
