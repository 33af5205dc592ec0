"""The demo's scene."""

import numpy as np

from edge.sources.demo import SCENE, DemoSource, act


def test_the_scene_is_reproducible_to_the_byte():
    with DemoSource(3) as first, DemoSource(3) as second:
        for _ in range(30):
            assert np.array_equal(first.read(0).pixels, second.read(0).pixels)


def test_the_scene_plays_every_act_and_begins_again():
    end = SCENE[-1][0]
    seen = [act(at / 10)[0] for at in range(round(end * 10))]
    assert list(dict.fromkeys(seen)) == ["nobody", "walks in", "bare", "masked", "nose bare", "walks out"]
    assert act(end + 0.5) == act(0.5)
