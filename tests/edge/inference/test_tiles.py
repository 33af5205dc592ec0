"""Wide and very large pictures: looked at in tiles, each face found once."""

import logging

import numpy as np
import pytest

from edge.config.tables import DetectorConfig
from edge.inference.shipped import build_detector
from edge.inference.tiles import Tile, TiledFaceDetector, choose_tiles, tiled, untiled
from edge.sources.demo import DemoSource
from edge.types import BoundingBox, Detection, Frame


class Boxes:
    """Finds the faces that it is told of where they lie in what it is shown: a half one as a half box.

    The upper left pixel of every part says where it was cut out.
    """

    def __init__(self, *faces: BoundingBox) -> None:
        self.faces, self.seen = faces, []

    def detect(self, frame, threshold=None):
        self.seen.append((frame.width, frame.height))
        left, top = (int(v) * 16 for v in frame.pixels[0, 0, :2])
        found = []
        for face in self.faces:
            moved = BoundingBox(face.xmin - left, face.ymin - top, face.xmax - left, face.ymax - top)
            part = moved.clip(frame.width, frame.height)
            if part.area >= 0.3 * face.area:
                found.append(Detection(part, 0.9 if part.area == face.area else 0.95))
        return found


def places(width: int, height: int) -> Frame:
    """A picture whose pixels say where they are, in steps of 16 px."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(width) // 16, (np.arange(height) // 16)[:, None]
    return Frame(pixels, 0, 0.0, "test")


@pytest.mark.parametrize(
    ("width", "height"),
    [(640, 480), (1024, 768), (1024, 410), (1920, 1080), (1200, 480), (480, 1200), (2000, 1500), (1, 1)],
)
def test_an_ordinary_picture_is_looked_at_whole(width, height):
    assert choose_tiles(width, height) == [Tile(0, 0, width, height)]


@pytest.mark.parametrize(
    "size", [(1210, 480), (1704, 480), (2880, 480), (480, 2880), (4000, 3000), (999, 40)]
)
def test_tiles_cover_the_picture(size):
    width, height = size
    covered = np.zeros((height, width), bool)
    tiles = choose_tiles(width, height)
    assert len(tiles) >= 3
    grid = [tile for tile in tiles if tile != Tile(0, 0, width, height)]
    for tile in grid:
        assert 0 <= tile.xmin < tile.xmax <= width
        assert 0 <= tile.ymin < tile.ymax <= height
        covered[tile.ymin : tile.ymax, tile.xmin : tile.xmax] = True
    assert covered.all()


@pytest.mark.parametrize("x", range(0, 2560, 160))
@pytest.mark.parametrize("size", [60, 200, 340])
def test_a_face_at_a_seam_is_found_once_and_whole(x, size):
    face = BoundingBox(x, 50, x + size, 50 + size)
    detector = TiledFaceDetector(Boxes(face))
    (found,) = detector.detect(places(2880, 480))
    assert (found.box, found.score) == (face, 0.9)


@pytest.mark.parametrize("size", [60, 200, 1200])
def test_a_face_of_any_size_in_a_large_picture_is_found_once(size):
    """Whole in a tile, or only in the whole picture."""
    for at in range(0, 3000 - size, 173):
        face = BoundingBox(at, at / 2, at + size, at / 2 + size)
        (found,) = TiledFaceDetector(Boxes(face), large=True).detect(places(3600, 2800))
        assert found.box == face


def test_neighbours_stay_two():
    faces = [BoundingBox(600, 50, 700, 150), BoundingBox(690, 60, 790, 160)]
    found = TiledFaceDetector(Boxes(*faces)).detect(places(2880, 480))
    assert sorted(detection.box.xmin for detection in found) == [600, 690]


def test_an_ordinary_frame_goes_to_the_detector_as_it_is():
    class Same:
        def detect(self, frame, threshold=None):
            return [(frame, threshold)]

    frame = Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0, "test", np.zeros((24, 32, 3), np.uint8))
    assert TiledFaceDetector(Same(), large=True).detect(frame, 0.3) == [(frame, 0.3)]


@pytest.mark.parametrize(
    ("setting", "live", "wide", "said"),
    [
        ("auto", False, True, False),
        ("auto", True, False, True),
        ("on", True, True, False),
        ("off", False, False, False),
        ("off", True, False, False),
    ],
)
def test_which_sources_are_tiled_and_what_is_said(setting, live, wide, said, caplog):
    whole = Boxes()
    detector = tiled(whole, setting, live)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            detector.detect(places(1920, 480))
    assert (len(whole.seen) == 3) != wide
    assert detector.tiles == len(whole.seen) / 3
    assert len(caplog.messages) == said
    assert all('tiles = "on" in [detector]' in message for message in caplog.messages)


def test_a_large_frame_is_tiled_only_where_it_is_a_file_or_a_picture():
    large = places(3200, 2400)
    file = Frame(large.pixels, 0, 0.0, "folder", file="a.jpg")
    counts = []
    for detector, frame in (
        (tiled(Boxes(), "auto", live=False), large),
        (tiled(Boxes(), "auto", live=False), file),
        (tiled(Boxes(), "auto", live=False, large=True), large),
        (tiled(Boxes(), "off", live=False, large=True), file),
    ):
        detector.detect(frame)
        counts.append(detector.tiles)
    assert counts == [1, 10, 10, 1]


def test_the_detector_inside_can_be_reached():
    whole = Boxes()
    assert untiled(TiledFaceDetector(whole)) is untiled(whole) is whole


@pytest.fixture(scope="module")
def shipped():
    return build_detector(DetectorConfig(threads=1))


@pytest.mark.parametrize("ratio", [1.34, 2, 2.5, 2.6, 3.55, 4, 5, 6, 8])
def test_the_demos_face_is_found_in_scenes_of_every_width(shipped, ratio):
    source = DemoSource(5)
    for _ in range(40):
        person = source.read(0).pixels[:, 220:620]
    for place in (0.0, 0.33, 0.75, 1.0):
        scene = np.repeat(np.repeat(person[:, :1], round(480 * ratio), axis=1), 1, axis=0)
        left = round(place * (scene.shape[1] - 400))
        scene[:, left : left + 400] = person
        found = TiledFaceDetector(shipped).detect(Frame(scene, 0, 0.0, "test"))
        assert len(found) == 1
