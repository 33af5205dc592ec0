"""Anchors of a single-shot detector, and boxes from its regression (Liu et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def level_anchors(width: int, height: int, stride: int, sizes: Sequence[Sequence[float]]) -> Floats:
    """Anchors of one level: for each cell in row-major order, one for each size.

    width, height: model input, px. stride: px from cell to cell. sizes: (width, height) px each.
    Returns float32 (ceil(H/s) * ceil(W/s) * A, 4): (cx, cy, w, h) in px of the model's input, centred on the
    cells.
    """
    rows, columns = -(-height // stride), -(-width // stride)
    cy, cx = np.meshgrid((np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride, indexing="ij")
    centres = np.stack([cx, cy], axis=-1).reshape(-1, 1, 2)
    shapes = np.asarray(sizes, np.float32).reshape(1, -1, 2)
    count = (centres.shape[0], shapes.shape[1], 2)
    anchors = [np.broadcast_to(centres, count), np.broadcast_to(shapes, count)]
    return np.concatenate(anchors, axis=-1).reshape(-1, 4).astype(np.float32)


def decode_boxes(raw: Floats, anchors: Floats, variances: tuple[float, float]) -> Floats:
    """Turn regression outputs into boxes.

    raw: (N, 4) float32, offsets (tx, ty, tw, th). anchors: (N, 4) float32 (cx, cy, w, h) px.
    variances: v0 of the centre and v1 of the size, as in Liu et al. 2016:
    centre = anchor centre + t * v0 * anchor size, and size = anchor size * exp(t * v1).
    Returns (N, 4) float32 (xmin, ymin, xmax, ymax) px, not clipped.
    """
    centres = anchors[:, :2] + raw[:, :2] * variances[0] * anchors[:, 2:]
    half = anchors[:, 2:] * np.exp(np.minimum(raw[:, 2:] * variances[1], 4.0)) / 2
    return np.concatenate([centres - half, centres + half], axis=1)


def pairwise_iou(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of each with each: (N, 4), (M, 4) corner boxes to (N, M) float32."""
    overlap = _intersections(boxes[:, None], others[None])
    area = _areas(boxes)[:, None] + _areas(others)[None]
    return np.asarray(overlap / np.maximum(area - overlap, 1e-9), np.float32)


def _intersections(boxes: Floats, others: Floats) -> Floats:
    """The areas that boxes (..., 4) share with others, by numpy's broadcasting."""
    sides = np.maximum(
        np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2]), 0
    )
    return np.asarray(sides[..., 0] * sides[..., 1])  # of a few boxes, np.prod takes longer than all the rest


def _areas(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def non_maximum_suppression(
    boxes: Floats, scores: Floats, iou_threshold: float, limit: int = 200
) -> npt.NDArray[np.intp]:
    """Greedy: keep the best box, drop those that overlap it by more than `iou_threshold`, and so on.

    boxes: (N, 4) corners. scores: (N,). limit: boxes that are compared, the best ones: so a noisy frame takes
    no longer than a quiet one. Returns the kept indices, best first.
    """
    order = (-scores).argsort(kind="stable")[:limit]
    ranked = boxes[order]
    area = _areas(ranked)
    kept, left = [], np.arange(len(order))
    while left.size:
        best, left = left[0], left[1:]
        kept.append(order[best])
        overlap = _intersections(ranked[best], ranked[left])
        left = left[overlap <= iou_threshold * (area[best] + area[left] - overlap)]
    return np.array(kept, np.intp)
