"""The camera's effects: each keeps shape, type and range, and does what its strength says."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from training import degradations as effects
from training.classifier import camera as classifier_camera
from training.detector import camera as detector_camera

GAIN = np.array([1.2, 1.0, 0.8])
ANY_TYPE = {
    "saturation": lambda pixels: effects.saturation(pixels, 0.4),
    "out of focus": lambda pixels: effects.out_of_focus(pixels, 1.5),
    "motion": lambda pixels: effects.motion(pixels, 3, 0.7),
    "few pixels": lambda pixels: effects.few_pixels(pixels, 0.4),
    "noise": lambda pixels: effects.noise(pixels, 8.0, seed=1),
    "grey noise": lambda pixels: effects.noise(pixels, 8.0, seed=1, grey=True),
}
BYTES_ALONE = {
    "light": lambda pixels: effects.light(pixels, 1.4, GAIN, 1.3),
    "jpeg": lambda pixels: effects.jpeg(pixels, 30),
}


def picture(dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (45, 60, 3), np.uint8).astype(dtype)


def flat(value: float, dtype=np.uint8) -> np.ndarray:
    return np.full((64, 96, 3), value, dtype)


@pytest.mark.parametrize("name", [*ANY_TYPE, *BYTES_ALONE])
def test_bytes_stay_bytes_of_the_same_shape_and_change(name):
    pixels = picture()
    result = (ANY_TYPE | BYTES_ALONE)[name](pixels)
    assert (result.shape, result.dtype) == (pixels.shape, np.uint8)
    assert (result != pixels).any()
    np.testing.assert_array_equal(pixels, picture())  # what came in is left alone


@pytest.mark.parametrize("name", ANY_TYPE)
def test_floats_stay_floats(name):
    result = ANY_TYPE[name](picture(np.float32))
    assert (result.shape, result.dtype) == ((45, 60, 3), np.float32)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("name", ["saturation", "out of focus", "motion", "few pixels"])
def test_bytes_and_floats_give_the_same(name):
    found = ANY_TYPE[name](picture()).astype(float)
    expected = np.clip(ANY_TYPE[name](picture(np.float32)), 0, 255)
    np.testing.assert_allclose(found, expected, atol=2)


@pytest.mark.parametrize("value", [0, 255])
def test_bytes_do_not_wrap_around_at_the_ends(value):
    noisy = effects.noise(flat(value), 10.0, seed=3)
    assert np.abs(noisy.astype(int) - value).max() < 80
    bright = effects.light(flat(value), 1.0, 1.5)
    assert (bright == value).all()


def test_floats_are_not_clipped_between_effects():
    assert effects.light_unclipped(flat(250), 1.0, 1.2).max() > 255
    assert effects.noise(flat(0, np.float32), 10.0, seed=3).min() < 0


def test_light_of_strength_one_changes_nothing():
    pixels = picture()
    assert np.abs(effects.light(pixels, 1.0, 1.0).astype(int) - pixels).max() <= 1
    np.testing.assert_allclose(effects.light_unclipped(pixels, 1.0, 1.0), pixels, atol=1e-3)


def test_gamma_darkens_gain_colours_and_contrast_spreads():
    assert effects.light(flat(100), 2.0, 1.0).mean() < 60
    red, green, blue = effects.light(flat(100), 1.0, GAIN)[0, 0]
    assert red > green > blue
    spread = effects.light(picture(), 1.0, 1.0, contrast=0.5).std()
    assert spread < 0.6 * picture().std()


def test_saturation_0_is_grey_and_1_changes_nothing():
    grey = effects.saturation(picture(), 0.0)
    assert np.ptp(grey.astype(int), axis=2).max() <= 1
    np.testing.assert_allclose(effects.saturation(picture(), 1.0), picture(), atol=1)


@pytest.mark.parametrize("blur", ["out of focus", "motion"])
def test_blur_keeps_the_light_and_takes_detail(blur):
    result = ANY_TYPE[blur](picture())
    assert result.mean() == pytest.approx(picture().mean(), abs=2)
    assert result.std() < 0.6 * picture().std()


def test_motion_blurs_in_its_direction_alone():
    stripes = flat(0)
    stripes[:, ::8] = 255  # upright stripes
    along, across = effects.motion(stripes, 4, np.pi / 2), effects.motion(stripes, 4, 0.0)
    assert along[20:40, 20:60].std() > 3 * across[20:40, 20:60].std()


@pytest.mark.parametrize(("scale", "shape"), [(0.5, (32, 48, 3)), (0.001, (1, 1, 3))])
def test_shrinking(scale, shape):
    assert effects.shrink(flat(9), scale).shape == shape


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_noise_is_as_strong_as_asked_in_every_channel(dtype):
    values = effects.noise(flat(128, dtype), 10.0, seed=5).astype(float) - 128
    np.testing.assert_allclose(values.std(axis=(0, 1)), 10, rtol=0.1)
    assert abs(np.corrcoef(values[..., 0].ravel(), values[..., 1].ravel())[0, 1]) < 0.1


def test_noise_repeats_itself_with_a_seed():
    one, again, other = (effects.noise(flat(128), 5.0, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()


def test_grey_noise_is_the_same_in_all_channels():
    values = effects.noise(flat(128), 10.0, seed=5, grey=True)
    assert (np.ptp(values.astype(int), axis=2) == 0).all()


def test_noise_can_differ_between_channels():
    values = effects.noise(flat(128), np.array([10.0, 0.0, 3.0]), seed=5).astype(float)
    np.testing.assert_allclose(values.std(axis=(0, 1)), [10, 0, 3], rtol=0.15)


def test_jpeg_loses_more_at_a_lower_quality():
    error = [np.abs(effects.jpeg(picture(), q).astype(int) - picture()).mean() for q in (90, 20)]
    assert 0 < error[0] < error[1]


def test_the_detectors_mix_is_what_the_shipped_models_saw():
    """Noise in red alone, where it is not grey: a change of the mix is to be noticed."""
    noisy = [
        detector_camera._noise(flat(128), np.random.default_rng(seed)).astype(float) for seed in range(30)
    ]
    spread = np.array([values.std(axis=(0, 1)) > 0.5 for values in noisy])
    assert {tuple(row) for row in spread.tolist()} == {(True, True, True), (True, False, False)}


@pytest.mark.parametrize("seed", range(20))
def test_the_classifiers_mix_keeps_type_and_proportions(seed):
    pixels = np.random.default_rng(1).integers(0, 256, (120, 90, 3), np.uint8)
    result = classifier_camera.camera(pixels, np.random.default_rng(seed))
    height, width, channels = result.shape
    assert result.dtype == np.uint8 and channels == 3
    assert classifier_camera.FEWEST - 1 <= width <= 90 and height / width == pytest.approx(120 / 90, rel=0.06)
