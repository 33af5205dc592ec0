"""What is added to training pictures: pasted faces, drawn masks, and things in front of faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.inference.anchors import Floats
from edge.pictures.drawn_masks import draw_mask
from edge.preprocess import resize
from edge.types import Pixels
from training.datasets.scenes import Scene
from training.detector.example import Example, make_example, with_pixels
from training.mask_styles import low_style, random_style


def paste_face(example: Example, scene: Scene, pixels: Pixels, rng: np.random.Generator) -> Example:
    """A new example with the first face of a cut-out blended in; the old one if it would cover another face.

    scene, pixels: the cut-out.
    """
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
    added = make_example(canvas, moved[None], scene.ignored[:1], scene.bare[:1], marks)
    parts = (
        (getattr(example, name), getattr(added, name)) for name in ("boxes", "ignored", "bare", "landmarks")
    )
    return Example(canvas, *(np.concatenate(pair) for pair in parts))


def _touches(boxes: Floats, box: Floats) -> npt.NDArray[np.bool_]:
    """bool (N,): which of some boxes share area with one box."""
    return np.asarray(np.all((boxes[:, :2] < box[2:]) & (boxes[:, 2:] > box[:2]), axis=1))


def _blend(canvas: Pixels, patch: Pixels, face: Floats, shift: npt.NDArray[np.intp]) -> None:
    """Write a patch at `shift`: in full within an ellipse around the face, fading out around it."""
    ys, xs = np.mgrid[0 : patch.shape[0], 0 : patch.shape[1]].astype(np.float32)
    centre, half = (face[:2] + face[2:]) / 2, np.maximum((face[2:] - face[:2]) / 2, 1)
    radius = np.sqrt(((xs - centre[0]) / half[0]) ** 2 + ((ys - centre[1]) / half[1]) ** 2)
    alpha = np.clip((1.75 - radius) / 0.3, 0, 1)[..., None]
    left, top = np.maximum(-shift, 0)
    x, y = np.maximum(shift, 0)
    target = canvas[y : y + max(0, patch.shape[0] - top), x : x + max(0, patch.shape[1] - left)]
    part = (slice(top, top + target.shape[0]), slice(left, left + target.shape[1]))
    target[:] = target * (1 - alpha[part]) + patch[part] * alpha[part]


def with_drawn_masks(example: Example, rng: np.random.Generator, chance: float = 0.25) -> Example:
    """The example with masks drawn on some of its bare faces, a quarter of the masks worn wrong.

    chance: probability for each bare face of 10 px and more.
    """
    chosen = [
        i
        for i in np.flatnonzero(example.bare)
        if example.boxes[i, 3] - example.boxes[i, 1] >= 10 and rng.random() < chance
    ]
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
        canvas[top:bottom, left:right] = draw_mask(
            canvas[top:bottom, left:right], example.landmarks[i] - (left, top), style
        )
    return with_pixels(example, canvas)


def occlude(example: Example, rng: np.random.Generator, chance: float = 0.12) -> Pixels:
    """The example's picture with something in front of some faces, which hides up to half of each.

    It has one plain colour, or is a piece of the same picture. chance: probability for each face.
    """
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
