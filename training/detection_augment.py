"""Training pictures for the detector: windows of scenes at any scale, mosaics, pasted faces, drawn masks, and a cheap camera's faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.drawnmask import draw_mask
from edge.inference.anchors import Floats
from edge.preprocess import resize
from edge.types import Pixels
from training.augment import low_style, random_style
from training.detection_camera import camera
from training.detection_data import Scene

MIN_FACE = 5.0
"""Faces lower than this in the network's input (px; 10 px in a 640-pixel frame) count neither way."""

VISIBLE = 0.4
"""A face of which a window shows less than this part is neither a face nor background."""

MIX, LATE_MIX = (0.50, 0.27, 0.15), (0.80, 0.04, 0.08)
"""How often a training picture is one window, four tiles, or pasted faces; the rest are pictures without faces.

LATE_MIX holds from LATE, a part of the training, on: the end of it is spent on pictures like those of a camera (Ge et al. 2021, YOLOX).
"""

LATE = 0.7

CLOSE_UP, LATE_CLOSE_UP = 0.65, 0.35
"""How often a window is laid around one of the faces, of any size, rather than around the picture."""

Loaded = tuple[Scene, Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One training picture. pixels: uint8 (H, W, 3) RGB. boxes: float32 (N, 4) px in it. ignored, bare: bool (N,). landmarks: (N, 5, 2) px."""

    pixels: Pixels
    boxes: Floats
    ignored: npt.NDArray[np.bool_]
    bare: npt.NDArray[np.bool_]
    landmarks: Floats


class Composer:
    """Makes training pictures of one size.

    scenes: whole pictures. faces: cut-out faces as small scenes. backgrounds: pictures without faces. `progress`, 0..1, says how far the
    training has come.
    """

    def __init__(self, scenes: Sequence[Loaded], faces: Sequence[Loaded], backgrounds: Sequence[Loaded], width: int, height: int) -> None:
        self._scenes, self._faces, self._backgrounds = scenes, faces or scenes, backgrounds or scenes
        self._with_negatives = bool(backgrounds)
        self._width, self._height = width, height
        self.progress = 0.0

    def __call__(self, scene: int, rng: np.random.Generator) -> Example:
        """A training picture that starts from one scene, by its index."""
        dice = rng.random()
        window, mosaic, paste = LATE_MIX if self.progress >= LATE else MIX
        if dice < window:
            example = self._window(self._scenes[scene], self._width, self._height, rng)
        elif dice < window + mosaic:
            example = self._mosaic(scene, rng)
        elif dice < window + mosaic + paste or not self._with_negatives:
            example = self._pasted(rng)
        else:
            example = self._window(_pick(self._backgrounds, rng), self._width, self._height, rng)
        example = with_drawn_masks(example, rng)
        pixels = camera(occlude(example, rng), rng)
        return flipped(_replace(example, pixels)) if rng.random() < 0.5 else _replace(example, pixels)

    def _window(self, loaded: Loaded, width: int, height: int, rng: np.random.Generator) -> Example:
        scene, pixels = loaded
        faces = np.flatnonzero(~scene.ignored)
        if len(faces) and rng.random() < (LATE_CLOSE_UP if self.progress >= LATE else CLOSE_UP):
            fit = min(width / pixels.shape[1], height / pixels.shape[0])
            window = _window_on(scene.boxes[rng.choice(faces)], width, height, 0.6 * fit, rng)
        else:
            window = _window_around(pixels.shape[1], pixels.shape[0], width / height, rng)
        return cut_window(scene, pixels, window, width, height, rng)

    def _mosaic(self, scene: int, rng: np.random.Generator) -> Example:
        """Four tiles around a point (Bochkovskiy et al. 2020), the first from the scene, of the others nearly half cut-out faces."""
        x = round(self._width * rng.uniform(0.3, 0.7))
        y = round(self._height * rng.uniform(0.3, 0.7))
        spans = [(0, 0, x, y), (x, 0, self._width, y), (0, y, x, self._height), (x, y, self._width, self._height)]
        tiles = []
        for number, (left, top, right, bottom) in enumerate(spans):
            loaded = self._scenes[scene] if number == 0 else _pick(self._faces if rng.random() < 0.45 else self._scenes, rng)
            tiles.append(self._window(loaded, right - left, bottom - top, rng))
        return join_tiles(tiles, spans, self._width, self._height)

    def _pasted(self, rng: np.random.Generator) -> Example:
        """One to five cut-out faces on a picture without faces."""
        example = self._window(_pick(self._backgrounds, rng), self._width, self._height, rng)
        for _ in range(rng.integers(1, 6)):
            example = paste_face(example, *_pick(self._faces, rng), rng)
        return example


def _pick(items: Sequence[Loaded], rng: np.random.Generator) -> Loaded:
    return items[int(rng.integers(len(items)))]


def _replace(example: Example, pixels: Pixels) -> Example:
    return Example(pixels, example.boxes, example.ignored, example.bare, example.landmarks)


def _window_on(box: Floats, width: int, height: int, least: float, rng: np.random.Generator) -> Floats:
    """A window in which the face has a height drawn log-uniformly, 7 px to nine tenths of the picture, and lies anywhere.

    least: the smallest scale, so that a picture is not lost in an empty window; mosaics give the smaller faces.
    """
    target = np.exp(rng.uniform(np.log(7), np.log(0.9 * height)))
    scale = max(target / max(box[3] - box[1], 4.0), least)
    stretch = np.exp(rng.normal(0, 0.08))
    size = np.array([width / scale * stretch, height / scale / stretch], np.float32)
    face = box[2:] - box[:2]
    low = (box[:2] + box[2:]) / 2 - face * 0.3 - (size - face * 0.6) * rng.uniform(0, 1, 2)
    return np.concatenate([low, low + size]).astype(np.float32)


def _window_around(width: int, height: int, aspect: float, rng: np.random.Generator) -> Floats:
    """The whole picture, as the door's camera would show it, or a part of it, or it and more; stretched a little."""
    zoom = np.exp(rng.uniform(np.log(0.5), np.log(1.4)))
    stretch = np.exp(rng.normal(0, 0.1)) * (width / height / aspect) ** rng.uniform(0, 1)
    side = np.sqrt(width * height * aspect) * zoom
    size = np.array([side * np.sqrt(stretch), side / aspect / np.sqrt(stretch)])
    low = (np.array([width, height]) - size) * rng.uniform(0, 1, 2)
    return np.concatenate([low, low + size]).astype(np.float32)


def cut_window(scene: Scene, pixels: Pixels, window: Floats, width: int, height: int, rng: np.random.Generator) -> Example:
    """A part of a scene, resized to width x height px. window: (xmin, ymin, xmax, ymax) px; what lies outside the scene is one plain colour."""
    scale = np.array([width, height], np.float32) / (window[2:] - window[:2])
    limit = np.array([pixels.shape[1], pixels.shape[0]] * 2)
    inside = np.clip(window, 0, limit)
    left, top, right, bottom = (int(v) for v in np.concatenate([np.floor(inside[:2]), np.ceil(inside[2:])]))
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = rng.integers(0, 256, 3, np.uint8)
    if right > left and bottom > top:
        _place(canvas, pixels[top:bottom, left:right], (np.array([left, top, right, bottom]).reshape(2, 2) - window[:2]) * scale)
    boxes = (scene.boxes.reshape(-1, 2, 2) - window[:2]) * scale
    marks = (scene.landmarks - window[:2]) * scale
    return _example(canvas, boxes.reshape(-1, 4), scene.ignored, scene.bare, marks)


def _place(canvas: Pixels, part: Pixels, corners: npt.NDArray[np.floating]) -> None:
    """Resize a picture to the span between two corners, (2, 2) px, and write what of it fits onto the canvas."""
    (left, top), (right, bottom) = np.round(corners).astype(int)
    part = resize(part, max(1, int(right - left)), max(1, int(bottom - top)))
    x, y = max(0, int(left)), max(0, int(top))
    shown = part[y - int(top) :, x - int(left) :][: canvas.shape[0] - y, : canvas.shape[1] - x]
    canvas[y : y + shown.shape[0], x : x + shown.shape[1]] = shown


def _example(pixels: Pixels, boxes: Floats, ignored: npt.NDArray[np.bool_], bare: npt.NDArray[np.bool_], marks: Floats) -> Example:
    """Boxes clipped to the picture; those outside are gone, those too small or hardly visible are ignored."""
    limit = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
    clipped = np.clip(boxes, 0, limit)
    size, full = clipped[:, 2:] - clipped[:, :2], np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    visible = size.prod(axis=1) / full.prod(axis=1)
    keep = visible > 0.05
    poor = (visible < VISIBLE) | (size[:, 1] < MIN_FACE)
    return Example(pixels, clipped[keep].astype(np.float32), (ignored | poor)[keep], (bare & ~poor)[keep], marks[keep].astype(np.float32))


def join_tiles(tiles: Sequence[Example], spans: Sequence[tuple[int, int, int, int]], width: int, height: int) -> Example:
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


def paste_face(example: Example, scene: Scene, pixels: Pixels, rng: np.random.Generator) -> Example:
    """The first face of a cut-out, feathered into an example; faces that it covers make it give up. Returns a new example."""
    height, width = example.pixels.shape[:2]
    box = scene.boxes[0]
    scale = np.exp(rng.uniform(np.log(9), np.log(0.75 * height))) / max(box[3] - box[1], 4.0)
    patch = resize(pixels, max(4, round(pixels.shape[1] * scale)), max(4, round(pixels.shape[0] * scale)))
    ratio = np.array([patch.shape[1] / pixels.shape[1], patch.shape[0] / pixels.shape[0]], np.float32)
    face = (box.reshape(2, 2) * ratio).ravel()
    room = np.array([width, height], np.float32) - (face[2:] - face[:2])
    shift = np.round(rng.uniform(-0.1, 1.1, 2) * room - face[:2]).astype(np.float32)
    moved = face + np.tile(shift, 2)
    if len(example.boxes) and np.any(_touches(example.boxes, moved)):
        return example
    canvas = example.pixels.copy()
    _blend(canvas, patch, face, shift.astype(int))
    marks = scene.landmarks[:1] * ratio + shift
    added = _example(canvas, moved[None], scene.ignored[:1], scene.bare[:1], marks)
    parts = ((getattr(example, name), getattr(added, name)) for name in ("boxes", "ignored", "bare", "landmarks"))
    return Example(canvas, *(np.concatenate(pair) for pair in parts))


def _touches(boxes: Floats, box: Floats) -> npt.NDArray[np.bool_]:
    return np.all((boxes[:, :2] < box[2:]) & (boxes[:, 2:] > box[:2]), axis=1)


def _blend(canvas: Pixels, patch: Pixels, face: Floats, shift: npt.NDArray[np.intp]) -> None:
    """Write a patch at `shift`, in full within an ellipse around the face, fading out beyond."""
    ys, xs = np.mgrid[0 : patch.shape[0], 0 : patch.shape[1]].astype(np.float32)
    centre, half = (face[:2] + face[2:]) / 2, np.maximum((face[2:] - face[:2]) / 2, 1)
    radius = np.sqrt(((xs - centre[0]) / half[0]) ** 2 + ((ys - centre[1]) / half[1]) ** 2)
    alpha = np.clip((1.75 - radius) / 0.3, 0, 1)[..., None]
    left, top = np.maximum(-shift, 0)
    x, y = np.maximum(shift, 0)
    target = canvas[y : y + max(0, patch.shape[0] - top), x : x + max(0, patch.shape[1] - left)]
    part = (slice(top, top + target.shape[0]), slice(left, left + target.shape[1]))
    target[:] = target * (1 - alpha[part]) + patch[part] * alpha[part]


def with_drawn_masks(example: Example, rng: np.random.Generator, chance: float = 0.4) -> Example:
    """Masks drawn on some of the bare faces whose landmarks are known, a quarter of them worn wrongly."""
    chosen = [i for i in np.flatnonzero(example.bare) if example.boxes[i, 3] - example.boxes[i, 1] >= 10 and rng.random() < chance]
    if not chosen:
        return example
    canvas = example.pixels.copy()
    height, width = canvas.shape[:2]
    for i in chosen:
        box = example.boxes[i]
        room = 0.5 * (box[2:] - box[:2])
        left, top = np.maximum(box[:2] - room, 0).astype(int)
        right, bottom = np.minimum(box[2:] + room, (width, height)).astype(int)
        style = low_style(rng) if rng.random() < 0.25 else random_style(rng)
        canvas[top:bottom, left:right] = draw_mask(canvas[top:bottom, left:right], example.landmarks[i] - (left, top), style)
    return _replace(example, canvas)


def occlude(example: Example, rng: np.random.Generator, chance: float = 0.12) -> Pixels:
    """Something of one colour, or a piece of the same picture, in front of up to half of some faces."""
    canvas = example.pixels
    for box in example.boxes[~example.ignored]:
        if rng.random() >= chance:
            continue
        canvas = canvas.copy() if canvas is example.pixels else canvas
        size = (box[2:] - box[:2]) * rng.uniform(0.2, 0.65, 2)
        low = box[:2] + (box[2:] - box[:2] - size) * rng.uniform(-0.3, 1.3, 2)
        (left, top), (right, bottom) = np.maximum(low, 0).astype(int), np.maximum(low + size, 0).astype(int)
        hidden = canvas[top:bottom, left:right]
        if hidden.size and rng.random() < 0.5:
            y, x = (int(rng.integers(0, canvas.shape[i] - hidden.shape[i] + 1)) for i in (0, 1))
            hidden[:] = canvas[y : y + hidden.shape[0], x : x + hidden.shape[1]].copy()
        else:
            hidden[:] = rng.integers(0, 256, 3, np.uint8)
    return canvas


def flipped(example: Example) -> Example:
    """Mirrored left to right; landmarks are no longer needed by then and are left as they were."""
    boxes = example.boxes.copy()
    boxes[:, [0, 2]] = example.pixels.shape[1] - example.boxes[:, [2, 0]]
    return Example(np.ascontiguousarray(example.pixels[:, ::-1]), boxes, example.ignored, example.bare, example.landmarks)
