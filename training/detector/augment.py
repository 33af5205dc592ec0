"""Composes the detector's training pictures: which scene, which part of it, and what is added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.inference.anchors import Floats
from edge.types import Label
from training.datasets.scenes import Loaded
from training.detector.camera import camera
from training.detector.example import Example, cut_window, flipped, join_tiles, with_pixels
from training.detector.paste import occlude, paste_face, with_drawn_masks

MIX = (0.46, 0.19, 0.11)
"""Probabilities that a training picture is one window, four tiles, or pasted faces; else it shows no face."""

LATE_MIX = (0.66, 0.05, 0.05)
"""The same at the end of a training, whose pictures are like those of a camera (Ge et al. 2021, YOLOX)."""

LATE = 0.7
"""Part of the training after which LATE_MIX and LATE_CLOSE_UP hold."""

CLOSE_UP = 0.65
"""Probability that a window is laid around one of the faces, at any size, and not around the picture."""

LATE_CLOSE_UP = 0.35
"""The same at the end of a training."""

BARE_SHARE = 0.6
"""Share of bare faces among the pasted ones; some of them get a drawn mask later.

Of all cut-outs more than half are masked.
"""

BARE_WEIGHT = 2.0
"""How many times more often a window is laid around a bare face than around another one.

Scenes of masked people hold few bare faces.
"""


class Composer:
    """Makes training pictures of one size.

    scenes: whole pictures. faces: cut-out faces as small scenes. backgrounds: pictures without faces.
    width, height: of the training pictures, px.
    """

    def __init__(
        self,
        scenes: Sequence[Loaded],
        faces: Sequence[Loaded],
        backgrounds: Sequence[Loaded],
        width: int,
        height: int,
    ) -> None:
        cut_outs = faces or scenes
        bare = [item for item in cut_outs if Label.WITHOUT_MASK in item[0].labels]
        others = [item for item in cut_outs if Label.WITHOUT_MASK not in item[0].labels]
        self._scenes, self._bare, self._others = scenes, bare or others, others or bare
        self.backgrounds = backgrounds or scenes
        self.difficulty = np.ones(len(self.backgrounds))
        """float (backgrounds,): how often each background is taken, relative to the others."""
        self._with_negatives = bool(backgrounds)
        self._width, self._height = width, height
        self.progress = 0.0
        """Part of the training that is over, 0..1."""

    def __call__(self, scene: int, rng: np.random.Generator) -> Example:
        """A training picture that begins with one scene. scene: its index."""
        dice = rng.random()
        window, mosaic, paste = LATE_MIX if self.progress >= LATE else MIX
        if dice < window:
            example = self._window(self._scenes[scene], self._width, self._height, rng)
        elif dice < window + mosaic:
            example = self._mosaic(scene, rng)
        elif dice < window + mosaic + paste or not self._with_negatives:
            example = self._pasted(rng)
        else:
            example = self._window(self._background(rng), self._width, self._height, rng)
        example = with_drawn_masks(example, rng)
        example = with_pixels(example, camera(occlude(example, rng), rng))
        return flipped(example) if rng.random() < 0.5 else example

    def _window(self, loaded: Loaded, width: int, height: int, rng: np.random.Generator) -> Example:
        scene, pixels = loaded
        faces = np.flatnonzero(~scene.ignored)
        if len(faces) and rng.random() < (LATE_CLOSE_UP if self.progress >= LATE else CLOSE_UP):
            fit = min(width / pixels.shape[1], height / pixels.shape[0])
            weights = np.where(scene.bare[faces], BARE_WEIGHT, 1.0)
            window = _window_on(
                scene.boxes[rng.choice(faces, p=weights / weights.sum())], width, height, 0.6 * fit, rng
            )
        else:
            window = _window_around(pixels.shape[1], pixels.shape[0], width / height, rng)
        return cut_window(scene, pixels, window, width, height, rng)

    def _mosaic(self, scene: int, rng: np.random.Generator) -> Example:
        """Four tiles around a point (Bochkovskiy et al. 2020).

        The first is from the scene. Of the others nearly half are cut-out faces.
        """
        x = round(self._width * rng.uniform(0.3, 0.7))
        y = round(self._height * rng.uniform(0.3, 0.7))
        spans = [
            (0, 0, x, y),
            (x, 0, self._width, y),
            (0, y, x, self._height),
            (x, y, self._width, self._height),
        ]
        tiles = []
        for number, (left, top, right, bottom) in enumerate(spans):
            loaded = self._scenes[scene] if number == 0 else self._tile(rng)
            tiles.append(self._window(loaded, right - left, bottom - top, rng))
        return join_tiles(tiles, spans, self._width, self._height)

    def _tile(self, rng: np.random.Generator) -> Loaded:
        return self._cut_out(rng) if rng.random() < 0.45 else _pick(self._scenes, rng)

    def _pasted(self, rng: np.random.Generator) -> Example:
        """One to five cut-out faces on a picture without faces."""
        example = self._window(self._background(rng), self._width, self._height, rng)
        for _ in range(rng.integers(1, 6)):
            example = paste_face(example, *self._cut_out(rng), rng)
        return example

    def _cut_out(self, rng: np.random.Generator) -> Loaded:
        return _pick(self._bare if rng.random() < BARE_SHARE else self._others, rng)

    def _background(self, rng: np.random.Generator) -> Loaded:
        difficulty = self.difficulty  # another thread can put a new one in its place
        return self.backgrounds[int(rng.choice(len(self.backgrounds), p=difficulty / difficulty.sum()))]


def _pick(items: Sequence[Loaded], rng: np.random.Generator) -> Loaded:
    return items[int(rng.integers(len(items)))]


def _window_on(box: Floats, width: int, height: int, least: float, rng: np.random.Generator) -> Floats:
    """A window, (4,) corners px, in which a face has a random height and lies anywhere.

    The height is log-uniform, from 7 px to nine tenths of the training picture. least: the smallest scale, so
    that the scene does not get lost in an empty window; smaller faces come from the four tiles.
    """
    target = np.exp(rng.uniform(np.log(7), np.log(0.9 * height)))
    scale = max(target / max(box[3] - box[1], 4.0), least)
    stretch = np.exp(rng.normal(0, 0.08))
    size = np.array([width / scale * stretch, height / scale / stretch], np.float32)
    face = box[2:] - box[:2]
    low = (box[:2] + box[2:]) / 2 - face * 0.3 - (size - face * 0.6) * rng.uniform(0, 1, 2)
    return np.concatenate([low, low + size]).astype(np.float32)


def _window_around(width: int, height: int, aspect: float, rng: np.random.Generator) -> Floats:
    """A window, (4,) corners px: the whole picture, a part of it, or it and more, stretched a little.

    width, height: of the picture, px. aspect: width by height of the training picture.
    """
    zoom = np.exp(rng.uniform(np.log(0.5), np.log(1.4)))
    stretch = np.exp(rng.normal(0, 0.1)) * (width / height / aspect) ** rng.uniform(0, 1)
    side = np.sqrt(width * height * aspect) * zoom
    size = np.array([side * np.sqrt(stretch), side / aspect / np.sqrt(stretch)])
    low = (np.array([width, height]) - size) * rng.uniform(0, 1, 2)
    return np.concatenate([low, low + size]).astype(np.float32)
