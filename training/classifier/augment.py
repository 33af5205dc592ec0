"""Augmentation that fits a door camera: what our own detector, a moving person and bad light do to a face crop.

What Keras has (flip, rotation, perspective, colour, erasing) runs there, a batch at a time. What is particular to us stands here, a picture
at a time: the jitter of a detector's box, masks drawn onto bare faces, few pixels, motion, noise, compression, colour of the light.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import keras
import numpy as np
import numpy.typing as npt

from edge.pictures.drawn_masks import MaskStyle, draw_mask
from edge.preprocess import CROP_MARGIN, crop, resize
from edge.types import BoundingBox, Label, Pixels
from training.datasets.samples import Sample

SURGICAL = (
    (150, 195, 225),
    (165, 215, 205),
    (235, 235, 238),
    (245, 243, 240),
    (25, 25, 28),
    (110, 115, 120),
    (190, 205, 225),
)

DRAWN_PROPER, DRAWN_LOW = 0.18, 0.10
"""How often a bare face with landmarks gets a mask drawn on: worn properly, or with the nose or more bare."""


def augmented_crop(
    sample: Sample, pixels: Pixels, size: int, labels: frozenset[Label], rng: np.random.Generator
) -> tuple[Pixels, Label]:
    """One training picture of a sample and its label, which a drawn mask may have changed.

    pixels: the file, uint8 (H, W, 3) RGB. Returns uint8 (size, size, 3) RGB.
    """
    pixels, label = _maybe_draw_mask(sample, pixels, labels, rng)
    part = crop(pixels, _jitter(sample.face_box(pixels), rng), CROP_MARGIN)
    part = _camera(part, rng)
    return resize(part, size, size), label


def keras_layers(seed: int) -> keras.Sequential:
    """Layers for float32 batches (N, H, W, 3), values 0..255, that keep shape and range."""
    value_range = (0, 255)
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal", seed=seed),
            keras.layers.RandomRotation(0.06, fill_mode="nearest", seed=seed + 1),
            keras.layers.RandomPerspective(0.4, 0.25, fill_value=110.0, seed=seed + 2),
            keras.layers.RandomColorJitter(
                value_range,
                brightness_factor=0.2,
                contrast_factor=0.25,
                saturation_factor=(0.35, 0.65),
                hue_factor=0.03,
                seed=seed + 3,
            ),
            keras.layers.RandomGrayscale(0.06, seed=seed + 4),
            keras.layers.RandomErasing(0.25, scale=(0.01, 0.08), value_range=value_range, seed=seed + 5),
        ],
        name="augmentation",
    )


def expected_labels(samples: Iterable[Sample], labels: Sequence[Label]) -> dict[Label, float]:
    """How many samples of each label augmentation makes of these on average: a drawn mask changes some."""
    counts = dict.fromkeys(labels, 0.0)
    low = DRAWN_LOW if Label.INCORRECT_MASK in counts else 0.0
    for sample in samples:
        drawn = _takes_mask(sample)
        counts[sample.label] += 1 - drawn * (DRAWN_PROPER + low)
        if drawn:
            counts[Label.WITH_MASK] += DRAWN_PROPER
        if drawn and low:
            counts[Label.INCORRECT_MASK] += low
    return counts


def _takes_mask(sample: Sample) -> bool:
    return sample.label is Label.WITHOUT_MASK and sample.landmarks is not None


def _jitter(box: BoundingBox, rng: np.random.Generator) -> BoundingBox:
    """The box as a detector might have put it: shifted, larger or smaller, wider or taller."""
    dx, dy = rng.normal(0, 0.05, 2).clip(-0.12, 0.12) * (box.width, box.height)
    grow_x, grow_y = np.exp(rng.normal(0.02, 0.10) + rng.normal(0, 0.05, 2)).clip(0.8, 1.35)
    x, y = (box.xmin + box.xmax) / 2 + dx, (box.ymin + box.ymax) / 2 + dy
    half_x, half_y = box.width * grow_x / 2, box.height * grow_y / 2
    return BoundingBox(x - half_x, y - half_y, x + half_x, y + half_y)


def _maybe_draw_mask(
    sample: Sample, pixels: Pixels, labels: frozenset[Label], rng: np.random.Generator
) -> tuple[Pixels, Label]:
    if not _takes_mask(sample):
        return pixels, sample.label
    dice = rng.random()
    if dice < DRAWN_PROPER:
        return draw_mask(pixels, _points(sample), random_style(rng)), Label.WITH_MASK
    if dice < DRAWN_PROPER + DRAWN_LOW and Label.INCORRECT_MASK in labels:
        return draw_mask(pixels, _points(sample), low_style(rng)), Label.INCORRECT_MASK
    return pixels, sample.label


def _points(sample: Sample) -> npt.NDArray[np.float32]:
    return np.array(sample.landmarks, np.float32).reshape(5, 2)


def random_style(rng: np.random.Generator) -> MaskStyle:
    """A mask worn properly, over nose and chin: any cloth, cut and fit."""
    colour = (
        SURGICAL[rng.integers(len(SURGICAL))]
        if rng.random() < 0.6
        else tuple(rng.integers(0, 256, 3).tolist())
    )
    return MaskStyle(
        colour=tuple(int(c) for c in np.clip(np.array(colour) + rng.normal(0, 10, 3), 0, 255)),
        top=float(rng.uniform(0.08, 0.40)),
        bottom=float(rng.uniform(1.65, 2.1)),
        folds=int(rng.choice([0, 0, 2, 3, 4])),
        wrap=float(rng.uniform(0.2, 1.0)),
        shading=float(rng.uniform(0.3, 0.95)),
        straps=bool(rng.random() < 0.7),
        pattern=_pattern(rng) if rng.random() < 0.2 else None,
    )


def low_style(rng: np.random.Generator) -> MaskStyle:
    """A mask worn wrongly: under the nose, under the mouth, or (rarely) over nose and mouth with the chin bare."""
    style, dice = random_style(rng), rng.random()
    if dice < 0.65:
        return replace(style, top=float(rng.uniform(0.72, 0.98)))
    if dice < 0.9:
        return replace(style, top=float(rng.uniform(1.12, 1.5)), bottom=float(rng.uniform(1.9, 2.35)))
    return replace(style, top=float(rng.uniform(0.1, 0.35)), bottom=float(rng.uniform(1.0, 1.2)))


def _pattern(rng: np.random.Generator) -> Pixels:
    cells = rng.integers(0, 256, (rng.integers(4, 40), rng.integers(4, 40), 3))
    return np.asarray(cells, np.uint8)


def _camera(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """What a cheap camera makes of it, in the order in which it happens: light, motion and focus, few pixels, noise, compression."""
    import cv2

    values = pixels.astype(np.float32)
    if rng.random() < 0.5:
        values = (
            255 * (values / 255) ** np.exp(rng.normal(0, 0.3)) * np.exp(rng.normal(0, 0.12, 3))
        )  # gamma, colour of the light
    side = min(values.shape[:2])
    if rng.random() < 0.3:
        values = _blur(values, side * rng.uniform(0.008, 0.045), rng)
    if rng.random() < 0.35:
        scale = float(np.exp(rng.uniform(np.log(24), np.log(80)))) / side
        if scale < 1:
            shape = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
            values = cv2.resize(values, shape, interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(2, 14), values.shape).astype(np.float32)
    result = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        _, data = cv2.imencode(".jpg", result, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(18, 85))))
        result = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return result


def _blur(
    values: npt.NDArray[np.float32], radius: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Out of focus, or moving in one direction. radius: px."""
    import cv2

    if rng.random() < 0.5:
        return cv2.GaussianBlur(values, (0, 0), max(radius, 0.3))
    length = max(2, round(3 * radius))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    dx, dy = np.cos(angle) * length, np.sin(angle) * length
    cv2.line(
        kernel,
        (round(length - dx), round(length - dy)),
        (round(length + dx), round(length + dy)),
        1.0,
        1,
        cv2.LINE_AA,
    )
    return cv2.filter2D(values, -1, kernel / kernel.sum())
