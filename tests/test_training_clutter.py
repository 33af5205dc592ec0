"""Pictures of clutter without people, made of cut-out objects."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the training extra is not installed: these tests were NOT run")

from edge.errors import DataError, PictureError
from edge.pictures import find_pictures, read_picture, write_picture
from training.clutter import build_parser, main, read_cut_out, strew


def disc(path: Path) -> Path:
    """A red disc of 40 px on a transparent ground that hides green."""
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[..., 1] = 255
    cv2.circle(rgba, (20, 20), 18, (0, 0, 255, 255), -1)
    cv2.imwrite(str(path), rgba)
    return path


def make(*arguments: str | Path) -> int:
    return main(build_parser().parse_args([str(argument) for argument in arguments]))


def test_objects_are_laid_without_their_transparent_ground(tmp_path: Path) -> None:
    objects = [read_cut_out(disc(tmp_path / "disc.png"))]
    canvas = np.full((480, 640, 3), 128, np.uint8)
    strewn = strew(canvas, objects, np.random.default_rng(0))
    assert strewn.shape == canvas.shape and strewn.dtype == np.uint8 and np.all(canvas == 128)
    red = (strewn[..., 0] > 200) & (strewn[..., 1] < 60)
    assert red.mean() > 0.001
    assert strewn[..., 1].max() <= 129, "green shines through: the ground, or a rim of it"


def test_objects_may_lie_across_every_border(tmp_path: Path) -> None:
    objects = [read_cut_out(disc(tmp_path / "disc.png"))]
    for seed in range(30):
        strew(np.zeros((64, 48, 3), np.uint8), objects, np.random.default_rng(seed))


def test_the_command_writes_what_was_asked_for_and_repeats_itself(tmp_path: Path) -> None:
    disc(tmp_path / "disc.png")
    write_picture(tmp_path / "scenes" / "wall.png", np.full((30, 40, 3), (10, 200, 30), np.uint8))
    (tmp_path / "objects").mkdir()
    (tmp_path / "disc.png").rename(tmp_path / "objects" / "disc.png")
    for name in ("a", "b"):
        assert make("--objects", tmp_path / "objects", "--scenes", tmp_path / "scenes", "--out", tmp_path / name, "--count", 6, "--seed", 3) == 0
    first, second = (find_pictures(tmp_path / name) for name in ("a", "b"))
    assert len(first) == 6
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert {read_picture(path).shape for path in first} == {(480, 640, 3)}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_picture_without_transparency_is_named(tmp_path: Path, damaged: bool) -> None:
    if damaged:
        (tmp_path / "photo.png").write_bytes(b"")
    else:
        write_picture(tmp_path / "photo.png", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(PictureError, match=r"photo\.png: no 8-bit picture with a transparent ground"):
        make("--objects", tmp_path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_and_an_existing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: no pictures; give a folder of objects"):
        make("--objects", tmp_path / "none", "--out", tmp_path / "out")
    with pytest.raises(DataError, match="exists already"):
        make("--objects", tmp_path / "none", "--out", tmp_path / "none")
