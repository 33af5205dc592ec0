"""A training picture with its faces, and what moves both: windows of scenes, tiles, mirroring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.inference.anchors import Floats
from edge.preprocess import resize
from edge.types import Pixels
from training.datasets.scenes import Scene

Flags = npt.NDArray[np.bool_]

MIN_FACE = 7.0
"""Faces lower than this in the network's input, px, count neither way.

At 384x288 this is 12 px in a frame that is 640 px wide.
"""

VISIBLE = 0.4
"""A face of which a window shows less than this share counts neither way."""

GONE = 0.05
"""A face of which a window shows no more than this share is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One training picture and its N faces."""

    pixels: Pixels
    """uint8 (H, W, 3) RGB."""
    boxes: Floats
    """float32 (N, 4), corners px."""
    ignored: Flags
    """bool (N,): faces that count neither way."""
    bare: Flags
    """bool (N,): faces that a mask can be drawn on."""
    landmarks: Floats
    """float32 (N, 5, 2) px, NaN where unknown."""


def with_pixels(example: Example, pixels: Pixels) -> Example:
    """The same faces on other pixels."""
    return Example(pixels, example.boxes, example.ignored, example.bare, example.landmarks)


def cut_window(
    scene: Scene, pixels: Pixels, window: Floats, width: int, height: int, rng: np.random.Generator
) -> Example:
    """A part of a scene, resized to width x height px.

    window: xmin, ymin, xmax, ymax px. What lies outside the scene gets one plain colour.
    """
    scale = np.array([width, height], np.float32) / (window[2:] - window[:2])
    limit = np.array([pixels.shape[1], pixels.shape[0]] * 2)
    inside = np.clip(window, 0, limit)
    left, top, right, bottom = (int(v) for v in np.concatenate([np.floor(inside[:2]), np.ceil(inside[2:])]))
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = rng.integers(0, 256, 3, np.uint8)
    if right > left and bottom > top:
        corners = np.array([left, top, right, bottom]).reshape(2, 2)
        _place(canvas, pixels[top:bottom, left:right], (corners - window[:2]) * scale)
    boxes = (scene.boxes.reshape(-1, 2, 2) - window[:2]) * scale
    marks = (scene.landmarks - window[:2]) * scale
    return make_example(canvas, boxes.reshape(-1, 4), scene.ignored, scene.bare, marks)


def _place(canvas: Pixels, part: Pixels, corners: npt.NDArray[np.floating]) -> None:
    """Resize a picture to the span between two corners, (2, 2) px, and write what fits onto the canvas."""
    (left, top), (right, bottom) = np.round(corners).astype(int)
    part = resize(part, max(1, int(right - left)), max(1, int(bottom - top)))
    x, y = max(0, int(left)), max(0, int(top))
    shown = part[y - int(top) :, x - int(left) :][: canvas.shape[0] - y, : canvas.shape[1] - x]
    canvas[y : y + shown.shape[0], x : x + shown.shape[1]] = shown


def make_example(pixels: Pixels, boxes: Floats, ignored: Flags, bare: Flags, marks: Floats) -> Example:
    """An example with its boxes clipped to the picture.

    Faces outside are left out. Faces that are too small or hardly visible are ignored.
    """
    limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
    clipped = np.clip(boxes, 0, limit)
    size, full = clipped[:, 2:] - clipped[:, :2], np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    visible = size.prod(axis=1) / full.prod(axis=1)
    keep = visible > GONE
    poor = (visible < VISIBLE) | (size[:, 1] < MIN_FACE)
    return Example(
        pixels,
        clipped[keep].astype(np.float32),
        (ignored | poor)[keep],
        (bare & ~poor)[keep],
        marks[keep].astype(np.float32),
    )


def join_tiles(
    tiles: Sequence[Example], spans: Sequence[tuple[int, int, int, int]], width: int, height: int
) -> Example:
    """Tiles side by side as one example. spans: (left, top, right, bottom) px of each."""
    canvas = np.zeros((height, width, 3), np.uint8)
    for tile, (left, top, right, bottom) in zip(tiles, spans, strict=True):
        canvas[top:bottom, left:right] = tile.pixels
    shifts = [np.array(span[:2], np.float32) for span in spans]
    return Example(
        canvas,
        np.concatenate([tile.boxes + np.tile(shift, 2) for tile, shift in zip(tiles, shifts, strict=True)]),
        np.concatenate([tile.ignored for tile in tiles]),
        np.concatenate([tile.bare for tile in tiles]),
        np.concatenate([tile.landmarks + shift for tile, shift in zip(tiles, shifts, strict=True)]),
    )


def flipped(example: Example) -> Example:
    """Mirrored left to right. The landmarks stay as they were: they are not needed any more."""
    boxes = example.boxes.copy()
    boxes[:, [0, 2]] = example.pixels.shape[1] - example.boxes[:, [2, 0]]
    return Example(
        np.ascontiguousarray(example.pixels[:, ::-1]), boxes, example.ignored, example.bare, example.landmarks
    )
