"""Frames as a camera really gives them.

Sensor noise, a lens cap in the dark, a finger on the lens, an encoder that repeats a still scene.
"""

import cv2
import numpy as np
import pytest

from edge.picture_health import STREAM_STILL_S, PictureHealth
from edge.types import Cause, Frame, Pixels


def scene(brightness: float = 1.0) -> Pixels:
    """A smooth wall with a window and a door frame, float32 (240, 320, 3)."""
    wall = (
        np.linspace(60, 130, 320, dtype=np.float32)[None, :, None]
        * np.array([1.0, 0.95, 0.85], np.float32)
        * np.ones((240, 1, 1), np.float32)
    )
    wall[40:110, 30:90] = 220
    wall[60:240, 200:206] = 40
    return wall * brightness


def shoot(picture, noise: float, at: float, preview: bool = False) -> Frame:
    """An exposure with Gaussian sensor noise (standard deviation in grey levels), clipped to 8 bits."""
    rng = np.random.default_rng(round(at * 1000))
    pixels = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).round().astype(np.uint8)
    return Frame(
        pixels,
        0,
        at,
        "test",
        cv2.resize(pixels, (160, 120), interpolation=cv2.INTER_AREA) if preview else None,
    )


def watch(frames, faces: bool = False, health: PictureHealth | None = None) -> list[str | None]:
    health = health or PictureHealth()
    return [health.problem(frame, faces) for frame in frames]


def times(seconds: float, rate: int = 4):
    return [i / rate for i in range(round(seconds * rate) + 1)]


@pytest.mark.parametrize("noise", [0.4, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("brightness", [1.0, 0.25, 2.0])
@pytest.mark.parametrize("preview", [False, True])
def test_a_still_scene_with_a_sensors_noise_is_healthy(noise, brightness, preview):
    assert set(watch(shoot(scene(brightness), noise, at, preview) for at in times(6, 2))) == {None}


@pytest.mark.parametrize("noise", [0.5, 3.0, 8.0, 15.0])
@pytest.mark.parametrize("preview", [False, True])
def test_a_lens_cap_in_a_dark_room_is_black_however_noisy_its_gain_makes_it(noise, preview):
    dark = np.full((240, 320, 3), 1.0, np.float32)
    found = watch(shoot(dark, noise, at, preview) for at in times(2))
    assert set(found) == {Cause.PICTURE_BLACK}


def test_a_finger_on_the_lens_shows_nothing_although_it_is_red():
    finger = np.ones((240, 320, 3), np.float32) * np.array([170, 60, 40], np.float32)
    assert set(watch(shoot(finger, 5.0, at) for at in times(1))) == {Cause.PICTURE_COVERED}


def test_a_few_hot_pixels_do_not_light_a_dark_room():
    dark = np.full((240, 320, 3), 1.0, np.float32)
    dark[::60, ::60] = 255
    assert set(watch(shoot(dark, 2.0, at) for at in times(1))) == {Cause.PICTURE_BLACK}


def test_a_dim_room_with_something_in_it_is_no_black_picture():
    assert set(watch(shoot(scene(0.15), 1.5, at) for at in times(2))) == {None}


def test_a_hunting_exposure_does_not_flicker_through():
    pictures = [shoot(scene(0.01 if int(at * 2) % 2 else 1.0), 1.0, at) for at in times(6)]
    found = watch(pictures)
    assert found[0] is None
    assert all(problem is not None for problem in found[2:])
    health = PictureHealth()
    assert watch([shoot(scene(0.0), 1.0, 0.0)], health=health)[0] is not None
    after = watch([shoot(scene(), 1.0, at) for at in (0.1, 0.5, 0.9, 1.0, 1.1)], health=health)
    assert [problem is None for problem in after] == [False, False, False, True, True]


def test_a_frozen_picture_is_found_after_five_seconds_and_a_change_ends_it_at_once():
    health, frozen = PictureHealth(), shoot(scene(), 2.0, 0.0).pixels
    found = watch((Frame(frozen, i, at, "test") for i, at in enumerate(times(8))), health=health)
    assert found.index(Cause.PICTURE_FROZEN) == 20
    assert set(found[20:]) == {Cause.PICTURE_FROZEN}
    assert health.problem(shoot(scene(), 2.0, 8.1)) is None


def test_a_stream_of_a_still_scene_is_not_frozen_before_a_minute_unless_a_face_stands_in_it():
    still = [Frame(shoot(scene(), 2.0, 0.0).pixels, i, at, "test") for i, at in enumerate(times(70, 2))]
    empty = watch(still, health=PictureHealth(still_after_s=STREAM_STILL_S))
    assert empty.index(Cause.PICTURE_FROZEN) == 120
    followed = watch(still, faces=True, health=PictureHealth(still_after_s=STREAM_STILL_S))
    assert followed.index(Cause.PICTURE_FROZEN) == 10


def test_frozen_stays_when_the_faces_in_it_are_given_up():
    health = PictureHealth(still_after_s=STREAM_STILL_S)
    pixels = shoot(scene(), 2.0, 0.0).pixels
    assert [
        health.problem(Frame(pixels, 0, at, "test"), faces) is not None
        for at, faces in ((0, True), (2.5, True), (5, True), (6, False), (8, False))
    ] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_frozen_camera_that_was_opened_again_is_not_trusted_anew():
    health, pixels = PictureHealth(), shoot(scene(), 2.0, 0.0).pixels
    assert [health.problem(Frame(pixels, 0, at, "test")) is None for at in (0.0, 1.0, 31.0, 32.0)] == [
        True,
        True,
        False,
        False,
    ]


def test_a_clock_in_the_corner_keeps_a_still_stream_alive():
    health, pixels = PictureHealth(), shoot(scene(), 0.0, 0.0).pixels
    for second in range(20):
        shown = pixels.copy()
        shown[5:13, 250 + second % 7 : 256 + second % 7] = 255
        assert health.problem(Frame(shown, second, float(second), "test")) is None


def test_the_preview_is_what_is_looked_at():
    fine, black = shoot(scene(), 1.0, 0.0).pixels, np.zeros((120, 160, 3), np.uint8)
    assert PictureHealth().problem(Frame(fine, 0, 0.0, "test", black)) is not None
    assert PictureHealth().problem(Frame(fine, 0, 0.0, "test")) is None
