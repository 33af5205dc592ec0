"""Composed training pictures: the boxes must stay on the faces whatever happens to the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("keras")

from training.datasets.scenes import Scene, make_scene
from training.detector.augment import BARE_SHARE, LATE, Composer
from training.detector.camera import camera
from training.detector.example import Example, cut_window, flipped, join_tiles
from training.detector.paste import occlude, paste_face, with_drawn_masks

FACE = (40, 30, 80, 80)


def white_face(
    box: tuple = FACE, label: str = "with_mask", width: int = 160, height: int = 120
) -> tuple[Scene, np.ndarray]:
    """A black picture in which the one face is white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return make_scene(
        Path("a.png"), "s", "g", np.array([box], np.float32), [label], np.zeros(1, bool)
    ), pixels


def white_extent(pixels: np.ndarray) -> np.ndarray:
    ys, xs = np.nonzero(pixels.min(axis=2) > 200)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


def rng(seed: int = 0) -> np.random.Generator:
    """Draws a black fill first: `cut_window` asks for three bytes."""
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "window", [(0, 0, 160, 120), (20, 10, 120, 110), (-50, -40, 200, 160), (30, 20, 95, 90)]
)
def test_boxes_follow_the_pixels_into_a_window(window: tuple) -> None:
    scene, pixels = white_face()
    for seed in range(9):
        example = cut_window(scene, pixels, np.array(window, np.float32), 100, 80, rng(seed))
        if window[0] >= 0 or example.pixels[0, 0].min() < 200:
            break
    assert example.pixels.shape == (80, 100, 3) and not example.ignored[0]
    np.testing.assert_allclose(example.boxes[0], white_extent(example.pixels), atol=1.6)


def test_hardly_visible_faces_are_ignored_and_invisible_ones_gone() -> None:
    scene, pixels = white_face()
    a_quarter = cut_window(scene, pixels, np.array([70, 0, 160, 120], np.float32), 90, 120, rng())
    assert a_quarter.ignored.tolist() == [True] and a_quarter.boxes[0, 0] == 0
    assert len(cut_window(scene, pixels, np.array([90, 0, 160, 120], np.float32), 70, 120, rng()).boxes) == 0


def test_tiny_faces_are_ignored() -> None:
    scene, pixels = white_face()
    assert cut_window(
        scene, pixels, np.array([0, 0, 2000, 1500], np.float32), 160, 120, rng()
    ).ignored.tolist() == [True]


def test_tiles_and_mirror_move_boxes_with_pixels() -> None:
    tiles = [
        cut_window(*white_face(), np.array([0, 0, 160, 120], np.float32), 80, 60, rng()),
        *[black(80, 60)] * 3,
    ]
    spans = [(80, 60, 160, 120), (0, 0, 80, 60), (80, 0, 160, 60), (0, 60, 80, 120)]
    joined = join_tiles(tiles, spans, 160, 120)
    np.testing.assert_allclose(joined.boxes[0], white_extent(joined.pixels), atol=1.6)
    mirrored = flipped(joined)
    np.testing.assert_allclose(mirrored.boxes[0], white_extent(mirrored.pixels), atol=1.6)
    assert mirrored.boxes[0, 0] < joined.boxes[0, 0]


def black(width: int = 160, height: int = 120) -> Example:
    none = np.empty(0, bool)
    return Example(
        np.zeros((height, width, 3), np.uint8),
        np.empty((0, 4), np.float32),
        none,
        none,
        np.empty((0, 5, 2), np.float32),
    )


def test_pasted_faces_lie_under_their_boxes_and_never_on_each_other() -> None:
    for seed in range(20):
        example = black()
        for number in range(3):
            example = paste_face(example, *white_face(), rng(100 * seed + number))
        for i, box in enumerate(example.boxes.astype(int)):
            if not example.ignored[i]:
                assert example.pixels[(box[1] + box[3]) // 2, (box[0] + box[2]) // 2].min() > 200
            for other in example.boxes[:i]:
                assert (
                    box[0] + 1 >= other[2]
                    or box[2] <= other[0] + 1
                    or box[1] + 1 >= other[3]
                    or box[3] <= other[1] + 1
                )


def test_masks_are_drawn_on_bare_faces_alone() -> None:
    pixels = np.full((120, 160, 3), 200, np.uint8)
    marks = np.array([[[50, 45], [70, 45], [60, 55], [52, 65], [68, 65]]], np.float32)
    boxes = np.array([FACE], np.float32)
    for bare in (True, False):
        example = Example(pixels, boxes, np.zeros(1, bool), np.array([bare]), marks)
        assert np.any(with_drawn_masks(example, rng(), chance=1.0).pixels != pixels) == bare
    assert pixels.min() == 200  # the cached picture itself is never drawn on


def test_occlusion_hides_a_part_and_leaves_the_source_alone() -> None:
    scene, pixels = white_face()
    example = Example(pixels, scene.boxes, scene.ignored, scene.bare, scene.landmarks)
    hidden = occlude(example, rng(3), chance=1.0)
    assert np.any(hidden != pixels) and (pixels[30:80, 40:80] == 255).all()
    assert occlude(example, rng(3), chance=0.0) is pixels


def test_camera_keeps_shape_and_type_and_changes_the_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    changed = [camera(pixels, rng(seed)) for seed in range(40)]
    assert all(picture.shape == pixels.shape and picture.dtype == np.uint8 for picture in changed)
    assert sum(np.any(picture != pixels) for picture in changed) > 30


def test_composer_repeats_itself_with_a_seed_and_keeps_boxes_inside() -> None:
    composer = Composer([white_face()], [white_face((10, 8, 50, 56), "without_mask", 60, 64)], [], 160, 128)
    for seed in range(60):
        one, again = composer(0, rng(seed)), composer(0, rng(seed))
        np.testing.assert_array_equal(one.pixels, again.pixels)
        np.testing.assert_array_equal(one.boxes, again.boxes)
        assert one.pixels.shape == (128, 160, 3) and len(one.boxes) == len(one.ignored) == len(
            one.bare
        ) == len(one.landmarks)
        assert (one.boxes >= 0).all() and (one.boxes[:, 2] <= 160).all() and (one.boxes[:, 3] <= 128).all()


def test_negatives_come_only_with_backgrounds() -> None:
    background = (
        make_scene(Path("b.png"), "background", "b", np.empty((0, 4), np.float32), [], np.empty(0, bool)),
        np.full((90, 90, 3), 90, np.uint8),
    )
    with_negatives = Composer([white_face()], [], [background], 160, 128)
    assert any(len(with_negatives(0, rng(seed)).boxes) == 0 for seed in range(80))


def test_the_end_of_a_training_sees_mostly_single_pictures() -> None:
    background = (
        make_scene(Path("b.png"), "background", "b", np.empty((0, 4), np.float32), [], np.empty(0, bool)),
        np.zeros((90, 90, 3), np.uint8),
    )
    composer = Composer([white_face()], [white_face()], [background], 160, 128)
    early = sum(len(composer(0, rng(seed)).boxes) > 1 for seed in range(100))
    composer.progress = LATE
    assert sum(len(composer(0, rng(seed)).boxes) > 1 for seed in range(100)) < early / 2


def test_bare_cut_outs_are_pasted_as_often_as_said_however_few_there_are() -> None:
    masked, bare = (
        white_face((5, 5, 25, 35), "with_mask", 40, 40),
        white_face((5, 5, 25, 35), "without_mask", 40, 40),
    )
    composer = Composer([masked], [masked] * 50 + [bare], [], 160, 128)
    drawn = [composer._cut_out(rng(seed))[0].labels[0] for seed in range(400)]
    assert drawn.count("without_mask") / 400 == pytest.approx(BARE_SHARE, abs=0.08)
    assert Composer([masked], [masked], [], 160, 128)._cut_out(rng())[0] is masked[0]


def test_difficult_backgrounds_are_taken_more_often() -> None:
    none = make_scene(Path("b.png"), "background", "b", np.empty((0, 4), np.float32), [], np.empty(0, bool))
    backgrounds = [(none, np.full((90, 90, 3), level, np.uint8)) for level in (0, 255)]
    composer = Composer([white_face()], [], backgrounds, 160, 128)
    composer.difficulty = np.array([0.1, 0.9])
    assert sum(
        composer._background(rng(seed))[1][0, 0, 0] == 255 for seed in range(300)
    ) / 300 == pytest.approx(0.9, abs=0.06)
