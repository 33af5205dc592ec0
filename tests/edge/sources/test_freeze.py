"""The watch for a camera that gives the same picture again and again."""

import numpy as np
import pytest

from edge.sources.freeze import FreezeWatch
from edge.types import Frame


def frame(at, value=90, changed=False):
    pixels = np.full((48, 64, 3), value, np.uint8)
    if changed:
        pixels[16, 32] += 1
    return Frame(pixels, 0, at, "test")


def test_the_same_picture_for_the_whole_time_is_frozen():
    watch = FreezeWatch(15.0)
    assert not any(watch.is_frozen(frame(at)) for at in range(15))
    assert watch.is_frozen(frame(15.0))


def test_after_a_yes_the_watch_begins_anew():
    watch = FreezeWatch(15.0)
    assert [watch.is_frozen(frame(at)) for at in (0, 15, 16, 30, 31)] == [False, True, False, False, True]


def test_one_pixel_that_changes_is_enough():
    watch = FreezeWatch(15.0)
    assert not watch.is_frozen(frame(0.0))
    assert not watch.is_frozen(frame(14.0, changed=True))
    assert not watch.is_frozen(frame(28.0, changed=True))
    assert watch.is_frozen(frame(29.0, changed=True))


@pytest.mark.parametrize(("brightness", "frozen"), [(31, False), (32, True)])
def test_a_dark_room_is_not_frozen(brightness, frozen):
    watch = FreezeWatch(15.0)
    assert not watch.is_frozen(frame(0.0, brightness))
    assert watch.is_frozen(frame(100.0, brightness)) is frozen
