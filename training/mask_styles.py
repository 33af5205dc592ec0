"""How drawn masks look: random styles for both trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.pictures.drawn_masks import MaskStyle
from edge.types import Pixels

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

SURGICAL: tuple[Colour, ...] = (
    (150, 195, 225),
    (165, 215, 205),
    (235, 235, 238),
    (245, 243, 240),
    (25, 25, 28),
    (110, 115, 120),
    (190, 205, 225),
)
"""Colours of masks as they are sold."""


def random_style(rng: np.random.Generator) -> MaskStyle:
    """A mask over nose, mouth and chin, of any cloth, cut and fit."""
    return MaskStyle(
        colour=_random_colour(rng),
        top=float(rng.uniform(0.08, 0.40)),
        bottom=float(rng.uniform(1.65, 2.1)),
        folds=int(rng.choice([0, 0, 2, 3, 4])),
        wrap=float(rng.uniform(0.2, 1.0)),
        shading=float(rng.uniform(0.3, 0.95)),
        straps=bool(rng.random() < 0.7),
        pattern=_random_pattern(rng) if rng.random() < 0.2 else None,
    )


def low_style(rng: np.random.Generator) -> MaskStyle:
    """A mask worn wrong: under the nose, under the mouth, or (rarely) with the chin bare."""
    style, dice = random_style(rng), rng.random()
    if dice < 0.65:
        return replace(style, top=float(rng.uniform(0.72, 0.98)))
    if dice < 0.9:
        return replace(style, top=float(rng.uniform(1.12, 1.5)), bottom=float(rng.uniform(1.9, 2.35)))
    return replace(style, top=float(rng.uniform(0.1, 0.35)), bottom=float(rng.uniform(1.0, 1.2)))


def _random_colour(rng: np.random.Generator) -> Colour:
    """In six times of ten near one of SURGICAL, else any."""
    common = rng.random() < 0.6
    base = np.array(SURGICAL[rng.integers(len(SURGICAL))] if common else rng.integers(0, 256, 3))
    red, green, blue = np.clip(base + rng.normal(0, 10, 3), 0, 255)
    return int(red), int(green), int(blue)


def _random_pattern(rng: np.random.Generator) -> Pixels:
    """Cloth of random cells: uint8 (4..39, 4..39, 3)."""
    cells = rng.integers(0, 256, (rng.integers(4, 40), rng.integers(4, 40), 3))
    return np.asarray(cells, np.uint8)
