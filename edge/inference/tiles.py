"""Looks at wide and very large pictures in overlapping tiles: stretched to the detector's input as a whole,
their faces would be too small or too narrow to be found.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.inference.faces import FaceDetector
from edge.types import BoundingBox, Detection, Frame

log = logging.getLogger(__name__)

WIDE = 2.5
"""The long side over the short one beyond which a picture is wide. Looked at whole, it loses faces from 3."""

STRIP, STRIP_OVERLAP = 1.6, 0.75
"""Length of a wide picture's tiles, and how much of it two share, both in short sides.

A face up to the second number is whole in one of them.
"""

LARGE = 2000
"""px of the long side beyond which a picture is looked at in tiles as well as whole."""

GRID, GRID_OVERLAP = 1400, 0.2
"""px of the long side of a large picture's tiles, at most, and how much of it two share, in tiles."""

SAME_IOU, SAME_PART = 0.4, 0.7
"""Two boxes of different tiles are one face by their overlap, or by the part of the smaller one in both."""

EDGE = 0.02
"""A box within this part of a tile from its inner edge may be half a face."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a picture, px, half-open."""

    xmin: int
    ymin: int
    xmax: int
    ymax: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A detection in px of the whole picture, its tile, and whether an edge of that may have cut the face."""

    detection: Detection
    tile: int
    cut: bool


def choose_tiles(width: int, height: int, wide: bool = True, large: bool = True) -> list[Tile]:
    """The tiles of a picture of this size (px); one, the whole, where none are needed.

    wide, large: whether pictures of such a kind are to be tiled.
    """
    whole = Tile(0, 0, width, height)
    long, short = max(width, height), min(width, height)
    if wide and long > WIDE * short:
        pieces = _split(long, min(long, round(STRIP * short)), round(STRIP_OVERLAP * short))
        return [
            Tile(begin, 0, end, height) if width > height else Tile(0, begin, width, end)
            for begin, end in pieces
        ]
    if large and long > LARGE:
        return [whole, *_grid(width, height)]
    return [whole]


def _grid(width: int, height: int) -> list[Tile]:
    """Tiles of the picture's own proportions."""
    scale = min(1.0, GRID / max(width, height))
    across, down = math.ceil(width * scale), math.ceil(height * scale)
    return [
        Tile(xmin, ymin, xmax, ymax)
        for ymin, ymax in _split(height, down, round(GRID_OVERLAP * down))
        for xmin, xmax in _split(width, across, round(GRID_OVERLAP * across))
    ]


def _split(length: int, piece: int, overlap: int) -> list[tuple[int, int]]:
    """(begin, end) of pieces that cover a length evenly and share `overlap` px or more."""
    count = 1 + math.ceil((length - piece) / (piece - overlap))
    begins = [round(i * (length - piece) / max(1, count - 1)) for i in range(count)]
    return [(begin, begin + piece) for begin in begins]


class TiledFaceDetector:
    """A detector that looks at a wide picture in tiles, and at a very large one in tiles as well as whole.

    Every other picture goes to the detector as it is.
    """

    tiles: int
    """Tiles of the last frame: each costs one inference."""

    def __init__(
        self, whole: FaceDetector, wide: bool = True, large: bool = False, warns: bool = True
    ) -> None:
        """whole: the detector of single pictures. wide, large: see `choose_tiles`.

        A frame of a picture file is looked at in tiles where it is large, whatever `large` says: nobody waits
        at a door. warns: say in the log, once, where a frame is wide and is not looked at in tiles.
        """
        self.whole, self._wide, self._large = whole, wide, large
        self._warns = warns and not wide
        self.tiles = 1

    def detect(self, frame: Frame, threshold: float | None = None) -> list[Detection]:
        if self._warns:
            self._say_if_wide(frame)
        tiles = choose_tiles(
            frame.width, frame.height, self._wide, self._large or (self._wide and frame.file is not None)
        )
        self.tiles = len(tiles)
        if len(tiles) == 1:
            return self.whole.detect(frame, threshold)
        found = [one for i in range(len(tiles)) for one in self._look(frame, tiles, i, threshold)]
        with_whole = tiles[0] == Tile(0, 0, frame.width, frame.height)  # which shows what the tiles cut
        return merge([one for one in found if not (with_whole and one.cut)])

    def _look(
        self, frame: Frame, tiles: Sequence[Tile], number: int, threshold: float | None
    ) -> list[_Found]:
        tile = tiles[number]
        part = frame.pixels[tile.ymin : tile.ymax, tile.xmin : tile.xmax]
        found = self.whole.detect(replace(frame, pixels=part, preview=None), threshold)
        return [
            _Found(_moved(detection, tile), number, _is_cut(detection.box, tile, frame))
            for detection in found
        ]

    def _say_if_wide(self, frame: Frame) -> None:
        count = len(choose_tiles(frame.width, frame.height, large=False))
        if count > 1:
            self._warns = False
            log.warning(
                "the view of %dx%d is wider than %g:1, in which small faces are missed; "
                'set tiles = "on" in [detector], which takes %d times the time, or crop the view',
                frame.width,
                frame.height,
                WIDE,
                count,
            )


def tiled(detector: FaceDetector, setting: str, live: bool, large: bool = False) -> TiledFaceDetector:
    """The detector as `[detector] tiles` wants it. live: the frames are a camera's.

    large: every frame is a picture that nobody waits for.
    """
    wide = setting == "on" or (setting == "auto" and not live)
    return TiledFaceDetector(detector, wide, large and wide, warns=setting == "auto")


def untiled(detector: FaceDetector) -> FaceDetector:
    """The detector of single pictures inside one that tiles; any other as it is."""
    return detector.whole if isinstance(detector, TiledFaceDetector) else detector


def merge(found: Sequence[_Found]) -> list[Detection]:
    """Every face once, best first. Of two boxes of one face, the one that no tile may have cut stays."""
    kept: list[_Found] = []
    for one in sorted(found, key=lambda one: (one.cut, -one.detection.score)):
        if not any(one.tile != other.tile and _same(one, other) for other in kept):
            kept.append(one)
    return sorted((one.detection for one in kept), key=lambda detection: -detection.score)


def _same(one: _Found, other: _Found) -> bool:
    first, second = one.detection.box, other.detection.box
    iou = first.iou(second)
    shared = iou / (1 + iou) * (first.area + second.area)  # the intersection
    return iou >= SAME_IOU or shared >= SAME_PART * min(first.area, second.area)


def _moved(detection: Detection, tile: Tile) -> Detection:
    box = detection.box
    moved = BoundingBox(
        box.xmin + tile.xmin, box.ymin + tile.ymin, box.xmax + tile.xmin, box.ymax + tile.ymin
    )
    return replace(detection, box=moved)


def _is_cut(box: BoundingBox, tile: Tile, frame: Frame) -> bool:
    """Whether a box reaches an edge of its tile that is none of the picture's. box: in the tile's pixels."""
    width, height = tile.xmax - tile.xmin, tile.ymax - tile.ymin
    return (
        (tile.xmin > 0 and box.xmin < EDGE * width)
        or (tile.xmax < frame.width and box.xmax > (1 - EDGE) * width)
        or (tile.ymin > 0 and box.ymin < EDGE * height)
        or (tile.ymax < frame.height and box.ymax > (1 - EDGE) * height)
    )
