"""What a person should look at after an evaluation: precision-recall curves, misses and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import cv2
import matplotlib.pyplot as plt
import numpy as np

from edge.inference.anchors import Floats, pairwise_iou
from edge.pictures.files import write_picture
from edge.preprocess import resize
from edge.types import Pixels
from training.datasets.scenes import BACKGROUND
from training.detector.coco import IOUS, LONG_SIDE, Judged
from training.detector.metrics import precision_recall

TILE = 96
"""Side of a contact sheet's tiles, px."""

COLUMNS = 12
"""Tiles in a row of a contact sheet."""

MOST_TILES = 120

LEAST_HEIGHT = 20
"""Faces below it, px at LONG_SIDE, are not shown as missed."""

Boxed = tuple[Pixels, Floats]
"""A picture, uint8 (H, W, 3) RGB, and one box in it, corners px."""


def draw_report(judged: Sequence[Judged], pictures: Sequence[Pixels], threshold: float, folder: Path) -> None:
    """Write `precision_recall.png`, `misses.png` and `false_alarms.png` into a folder.

    The tallest missed faces and the best scored false alarms come first.
    pictures: uint8 (H, W, 3) RGB, one for each of `judged`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plot_precision_recall(judged, folder / "precision_recall.png")
    misses: list[tuple[float, Boxed]] = []
    alarms: list[tuple[float, Boxed]] = []
    for picture, pixels in zip(judged, pictures, strict=True):
        missed, false = mistakes(picture, threshold)
        misses += [(float(box[3] - box[1]), (pixels, box)) for box in missed]
        alarms += [(score, (pixels, box)) for box, score in false]
    for name, found in (("misses", misses), ("false_alarms", alarms)):
        first = sorted(found, key=lambda item: -item[0])[:MOST_TILES]
        write_picture(folder / f"{name}.png", contact_sheet([boxed for _, boxed in first]))


def mistakes(picture: Judged, threshold: float) -> tuple[list[Floats], list[tuple[Floats, float]]]:
    """Boxes of missed faces that are not too small, and boxes that overlap no face with their scores."""
    found, scores = picture.found[picture.scores >= threshold], picture.scores[picture.scores >= threshold]
    overlap = pairwise_iou(picture.boxes, found)
    scale = LONG_SIDE / max(picture.width, picture.height)
    tall = (picture.boxes[:, 3] - picture.boxes[:, 1]) * scale >= LEAST_HEIGHT
    missed = (overlap.max(axis=1, initial=0) < IOUS[0]) & tall & ~picture.ignored
    alarms = overlap.max(axis=0, initial=0) < IOUS[0]
    return (
        [picture.boxes[i] for i in np.flatnonzero(missed)],
        [(found[i], float(scores[i])) for i in np.flatnonzero(alarms)],
    )


def contact_sheet(items: Sequence[Boxed], columns: int = COLUMNS) -> Pixels:
    """Each box in the middle of its surroundings, as tiles of TILE px: uint8 (rows, columns, 3) RGB."""
    black = np.zeros((TILE, TILE, 3), np.uint8)
    tiles = [_tile(pixels, box) for pixels, box in items] or [black]
    tiles += [black] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def _tile(pixels: Pixels, box: Floats) -> Pixels:
    side = max(float((box[2:] - box[:2]).max()) * 2.5, 24.0)
    low = ((box[:2] + box[2:]) - side) / 2
    left, top = (int(v) for v in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(low + side, (pixels.shape[1], pixels.shape[0])))
    part = pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    tile = resize(np.ascontiguousarray(part), TILE, TILE).copy()
    unit = np.array([TILE / max(right - left, 1), TILE / max(bottom - top, 1)])
    first, second = (tuple(int(v) for v in (corner - (left, top)) * unit) for corner in (box[:2], box[2:]))
    cv2.rectangle(tile, first, second, (255, 255, 0), 1)
    return tile


def plot_precision_recall(judged: Sequence[Judged], path: Path) -> None:
    """One curve for each source at IoU 0.35, faces of 20 px and more."""
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    for source in sorted({picture.source for picture in judged} - {BACKGROUND}):
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
