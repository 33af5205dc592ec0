"""A detector's answers to labelled pictures, and what a person should look at: precision-recall curves, misses, false alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import matplotlib

matplotlib.use("Agg")
import cv2
import matplotlib.pyplot as plt
import numpy as np

from edge.inference.anchors import Floats, decode_boxes, non_maximum_suppression, pairwise_iou
from edge.pictures.files import write_picture
from edge.preprocess import crop, normalise, resize
from edge.types import BoundingBox, Pixels
from training.datasets.scenes import Scene
from training.detector.metrics import IOUS, LONG_SIDE, Judged, precision_recall
from training.detector.network import DetectorShape

LOWEST_SCORE = 0.02
"""Detections below are not looked at: they cost time and change no average precision by more than a thousandth."""

TILE = 96

Find = Callable[[Pixels], tuple[Floats, Floats]]
"""Any detector: uint8 (H, W, 3) RGB to float32 (N, 4) corner boxes px and (N,) scores."""


def keras_finder(model: keras.Model, shape: DetectorShape, iou_threshold: float) -> Find:
    """The float model as the Pi would use it."""
    anchors = shape.anchors()

    def find(pixels: Pixels) -> tuple[Floats, Floats]:
        outputs = model(normalise(resize(pixels, shape.width, shape.height))[None], training=False)
        values = [keras.ops.convert_to_numpy(output) for output in outputs]
        logits = np.concatenate([value.ravel() for value in values[::2]])
        raw = np.concatenate([value.reshape(-1, 4) for value in values[1::2]])
        scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
        chosen = np.flatnonzero(scores >= LOWEST_SCORE)
        boxes, scores = decode_boxes(raw[chosen], anchors[chosen], shape.variances), scores[chosen]
        kept = non_maximum_suppression(boxes, scores, iou_threshold)
        size = np.array([pixels.shape[1], pixels.shape[0]] * 2, np.float32)
        unit = size / np.array([shape.width, shape.height] * 2, np.float32)
        return np.clip(boxes[kept] * unit, 0, size).astype(np.float32), scores[kept]

    return find


def judge(scene: Scene, pixels: Pixels, find: Find) -> Judged:
    """One picture's faces as labelled and as found."""
    boxes, scores = find(pixels)
    lightness = np.array([_lightness(pixels, box) for box in scene.boxes], np.float32)
    return Judged(
        scene.source,
        pixels.shape[1],
        pixels.shape[0],
        scene.boxes,
        scene.labels,
        scene.ignored,
        lightness,
        boxes,
        scores,
    )


def _lightness(pixels: Pixels, box: Floats) -> float:
    """The median grey value, 0..255, of the middle of a face's upper half: where skin is seen, with a mask or without."""
    face = BoundingBox(*box.tolist())
    middle = BoundingBox(
        face.xmin + 0.2 * face.width, face.ymin, face.xmax - 0.2 * face.width, face.ymin + 0.5 * face.height
    )
    return float(np.median(cv2.cvtColor(crop(pixels, middle, 0.0), cv2.COLOR_RGB2GRAY)))


def judge_pictures(
    model: keras.Model, shape: DetectorShape, items: Sequence[tuple[Scene, Pixels]], iou_threshold: float
) -> list[Judged]:
    """All pictures by the float model."""
    find = keras_finder(model, shape, iou_threshold)
    return [judge(scene, pixels, find) for scene, pixels in items]


def draw_report(judged: Sequence[Judged], pictures: Sequence[Pixels], threshold: float, folder: Path) -> None:
    """`precision_recall.png`, `misses.png` and `false_alarms.png` into a folder. pictures: uint8 (H, W, 3) RGB, one for each judged."""
    folder.mkdir(parents=True, exist_ok=True)
    plot_precision_recall(judged, folder / "precision_recall.png")
    misses, alarms = [], []
    for picture, pixels in zip(judged, pictures, strict=True):
        missed, false = mistakes(picture, threshold)
        misses += [(float(box[3] - box[1]), pixels, box) for box in missed]
        alarms += [(score, pixels, box) for box, score in false]
    for name, found in (("misses", misses), ("false_alarms", alarms)):
        write_picture(
            folder / f"{name}.png",
            contact_sheet([(p, b) for _, p, b in sorted(found, key=lambda item: -item[0])[:120]]),
        )


def mistakes(picture: Judged, threshold: float) -> tuple[list[Floats], list[tuple[Floats, float]]]:
    """Boxes of faces of 20 px and more that were missed, and boxes that overlap no face with their scores."""
    found, scores = picture.found[picture.scores >= threshold], picture.scores[picture.scores >= threshold]
    overlap = pairwise_iou(picture.boxes, found)
    tall = (picture.boxes[:, 3] - picture.boxes[:, 1]) * LONG_SIDE / max(picture.width, picture.height) >= 20
    missed = [
        picture.boxes[i]
        for i in np.flatnonzero((overlap.max(axis=1, initial=0) < IOUS[0]) & tall & ~picture.ignored)
    ]
    return missed, [
        (found[i], float(scores[i])) for i in np.flatnonzero(overlap.max(axis=0, initial=0) < IOUS[0])
    ]


def contact_sheet(items: Sequence[tuple[Pixels, Floats]], columns: int = 12) -> Pixels:
    """Each box in the middle of its surroundings, as tiles of TILE px. uint8 (rows, columns, 3) RGB."""
    tiles = [_tile(pixels, box) for pixels, box in items] or [np.zeros((TILE, TILE, 3), np.uint8)]
    tiles += [np.zeros((TILE, TILE, 3), np.uint8)] * (-len(tiles) % columns)
    return np.concatenate(
        [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    )


def _tile(pixels: Pixels, box: Floats) -> Pixels:
    side = max(float((box[2:] - box[:2]).max()) * 2.5, 24.0)
    low = ((box[:2] + box[2:]) - side) / 2
    left, top = (int(v) for v in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(low + side, (pixels.shape[1], pixels.shape[0])))
    tile = resize(
        np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)]), TILE, TILE
    ).copy()
    unit = np.array([TILE / max(right - left, 1), TILE / max(bottom - top, 1)])
    first, second = (tuple(int(v) for v in (corner - (left, top)) * unit) for corner in (box[:2], box[2:]))
    cv2.rectangle(tile, first, second, (255, 255, 0), 1)
    return tile


def plot_precision_recall(judged: Sequence[Judged], path: Path) -> None:
    """One curve per source at IoU 0.35, faces of 20 px and more."""
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    for source in sorted({picture.source for picture in judged} - {"background"}):
        recall, precision, _ = precision_recall([picture for picture in judged if picture.source == source])
        axis.plot(recall, precision, label=f"{source} ({precision.mean():.3f})")
    axis.set(
        xlabel="recall",
        ylabel="precision",
        xlim=(0, 1.01),
        ylim=(0, 1.01),
        title="precision and recall at IoU 0.35 (AP)",
    )
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
