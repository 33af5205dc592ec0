"""Augmentation for the classifier: what our own detector, a moving person and bad light do to a face crop.

What Keras offers (flip, rotation, perspective, colour, erasing) runs there, a batch at a time. The rest is
here, a picture at a time: the jitter of a detector's box, masks drawn on bare faces, and the camera's
effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import numpy.typing as npt

from edge.pictures.drawn_masks import draw_mask
from edge.preprocess import CROP_MARGIN, crop, resize
from edge.types import BoundingBox, Label, Pixels
from training.classifier.camera import camera
from training.datasets.samples import Sample
from training.mask_styles import low_style, random_style

DRAWN_PROPER = 0.18
"""Probability that a bare face with landmarks gets a mask that covers nose, mouth and chin."""

DRAWN_LOW = 0.10
"""Probability that a bare face with landmarks gets a mask that leaves the nose or more bare."""


def augmented_crop(
    sample: Sample, pixels: Pixels, size: int, labels: frozenset[Label], rng: np.random.Generator
) -> tuple[Pixels, Label]:
    """One training picture of a sample, uint8 (size, size, 3) RGB, and its label.

    A drawn mask can change the label. pixels: the file, uint8 (H, W, 3) RGB. labels: those that the model
    knows.
    """
    pixels, label = _maybe_draw_mask(sample, pixels, labels, rng)
    part = crop(pixels, _jitter(sample.face_box(pixels), rng), CROP_MARGIN)
    return resize(camera(part, rng), size, size), label


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
    """The number of pictures of each label that augmentation makes of these samples on average."""
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
    """True if a mask can be drawn on the face."""
    return sample.label is Label.WITHOUT_MASK and sample.landmarks is not None


def _jitter(box: BoundingBox, rng: np.random.Generator) -> BoundingBox:
    """The box as a detector could have put it: shifted, larger or smaller, wider or taller."""
    dx, dy = rng.normal(0, 0.05, 2).clip(-0.12, 0.12) * (box.width, box.height)
    grow_x, grow_y = np.exp(rng.normal(0.02, 0.10) + rng.normal(0, 0.05, 2)).clip(0.8, 1.35)
    x, y = (box.xmin + box.xmax) / 2 + dx, (box.ymin + box.ymax) / 2 + dy
    half_x, half_y = box.width * grow_x / 2, box.height * grow_y / 2
    return BoundingBox(x - half_x, y - half_y, x + half_x, y + half_y)


def _maybe_draw_mask(
    sample: Sample, pixels: Pixels, labels: frozenset[Label], rng: np.random.Generator
) -> tuple[Pixels, Label]:
    """The picture and its label, perhaps with a mask drawn on a bare face."""
    if not _takes_mask(sample):
        return pixels, sample.label
    dice = rng.random()
    if dice < DRAWN_PROPER:
        return draw_mask(pixels, _points(sample), random_style(rng)), Label.WITH_MASK
    if dice < DRAWN_PROPER + DRAWN_LOW and Label.INCORRECT_MASK in labels:
        return draw_mask(pixels, _points(sample), low_style(rng)), Label.INCORRECT_MASK
    return pixels, sample.label


def _points(sample: Sample) -> npt.NDArray[np.float32]:
    """A sample's landmarks, (5, 2) px."""
    return np.array(sample.landmarks, np.float32).reshape(5, 2)
