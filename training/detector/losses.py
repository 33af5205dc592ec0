"""Which anchor answers for which face, and what a wrong answer costs."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.inference.anchors import Floats, pairwise_iou
from training.detector.shape import DetectorShape

CANDIDATES = 9
"""Anchors per face and level that ATSS looks at, as in its paper."""

BOX_WEIGHT = 2.0
"""Weight of the box loss against the score loss (GIoU's usual weight beside focal loss: Tian et al. 2019, Zhang et al. 2020)."""


class Matcher:
    """Targets for the anchors of one detector by ATSS (Zhang et al. 2020): per face the IoU threshold is mean + deviation of its candidates."""

    def __init__(self, shape: DetectorShape) -> None:
        self.anchors = shape.anchors()
        self.corners = np.concatenate(
            [self.anchors[:, :2] - self.anchors[:, 2:] / 2, self.anchors[:, :2] + self.anchors[:, 2:] / 2],
            axis=1,
        )
        counts = [
            -(-shape.height // level.stride) * -(-shape.width // level.stride) * len(level.sizes)
            for level in shape.levels
        ]
        ends = np.cumsum(counts)
        self._levels = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        self._reach = np.repeat([level.stride for level in shape.levels], counts).astype(np.float32)

    def __call__(self, boxes: Floats, ignored: npt.NDArray[np.bool_]) -> Floats:
        """Targets of one picture.

        boxes: (N, 4) corners in px of the input. ignored: bool (N,). Returns float32 (anchors, 6): is it a face (1 or 0), does it count (1 or 0),
        and the box (xmin, ymin, xmax, ymax) px, which is the anchor's own where there is no face.
        """
        targets = np.concatenate(
            [np.zeros((len(self.anchors), 1)), np.ones((len(self.anchors), 1)), self.corners], axis=1
        ).astype(np.float32)
        if np.any(ignored):
            targets[self._covered(boxes[ignored]), 1] = 0
        faces = boxes[~ignored]
        if len(faces):
            owner = self._owners(faces)
            found = owner >= 0
            targets[found, 0], targets[found, 1], targets[found, 2:] = 1, 1, faces[owner[found]]
        return targets

    def _owners(self, faces: Floats) -> npt.NDArray[np.intp]:
        """int (anchors,): the face that each anchor answers for, -1 for none. An anchor that two faces claim goes to the larger overlap."""
        overlap = pairwise_iou(self.corners, faces)
        claimed = np.where(self._positive(faces, overlap), overlap, -1)
        best = overlap.argmax(axis=0)
        claimed[best, np.arange(len(faces))] = (
            overlap[best, np.arange(len(faces))] + 1
        )  # no face goes without an anchor
        return np.where(claimed.max(axis=1) >= 0, claimed.argmax(axis=1), -1)

    def _positive(self, faces: Floats, overlap: Floats) -> npt.NDArray[np.bool_]:
        """bool (anchors, N). A centre may lie outside a face that is smaller than its level's stride: by half a stride at most."""
        centre = (faces[:, :2] + faces[:, 2:]) / 2
        offset = np.abs(self.anchors[:, None, :2] - centre[None])
        distance = np.square(offset).sum(axis=2)
        candidate = np.zeros_like(overlap, bool)
        for level in self._levels:
            count = min(CANDIDATES, level.stop - level.start)
            nearest = np.argpartition(distance[level], count - 1, axis=0)[:count] + level.start
            candidate[nearest, np.arange(len(faces))] = True
        number = np.maximum(candidate.sum(axis=0), 1)
        mean = np.where(candidate, overlap, 0).sum(axis=0) / number
        spread = np.sqrt(np.where(candidate, np.square(overlap - mean), 0).sum(axis=0) / number)
        half = np.maximum((faces[:, 2:] - faces[:, :2])[None] / 2, self._reach[:, None, None] / 2)
        return candidate & (overlap >= mean + spread) & np.all(offset <= half, axis=2)

    def _covered(self, regions: Floats) -> npt.NDArray[np.bool_]:
        """bool (anchors,): overlaps an ignored face, or has its centre in one (half a stride of slack for the tiny)."""
        centres, slack = self.anchors[:, None, :2], self._reach[:, None] / 2
        inside = np.all(
            (centres >= regions[:, :2] - slack[..., None]) & (centres <= regions[:, 2:] + slack[..., None]),
            axis=2,
        )
        return np.any(inside | (pairwise_iou(self.corners, regions) > 0.3), axis=1)


def flatten_outputs(outputs: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The raw outputs of `build_detector` as one float32 (N, anchors, 5): logit and four offsets, in the order of `DetectorShape.anchors`."""
    parts = []
    for scores, boxes in zip(outputs[::2], outputs[1::2], strict=True):
        count = int(np.prod(scores.shape[1:]))
        parts.append(
            keras.layers.Concatenate()(
                [keras.layers.Reshape((count, 1))(scores), keras.layers.Reshape((count, 4))(boxes)]
            )
        )
    return keras.layers.Concatenate(axis=1)(parts)


class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]
    """Focal loss on the scores (Lin et al. 2017) and GIoU loss on the boxes (Rezatofighi et al. 2019), per face of the batch.

    y_true: float32 (B, anchors, 6) of `Matcher`. y_pred: float32 (B, anchors, 5) of `flatten_outputs`.
    """

    def __init__(self, shape: DetectorShape, alpha: float = 0.35, gamma: float = 2.0) -> None:
        super().__init__(name="detection_loss", reduction=None)
        self._anchors = shape.anchors()
        self._variances = shape.variances
        self._alpha, self._gamma = alpha, gamma

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        face, counts = y_true[..., 0], y_true[..., 1]
        positives = ops.maximum(ops.sum(face), 1.0)
        scores = ops.sum(self._focal(face, y_pred[..., 0]) * counts)
        boxes = ops.sum((1.0 - generalised_iou(y_true[..., 2:], self.decode(y_pred[..., 1:]))) * face)
        return (scores + BOX_WEIGHT * boxes) / positives

    def _focal(self, face: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        sign = 1.0 - 2.0 * face  # the logit of being wrong is -logit for a face, logit for background
        weight = self._alpha * face + (1.0 - self._alpha) * (1.0 - face)
        return weight * ops.power(ops.sigmoid(sign * logits), self._gamma) * ops.softplus(sign * logits)

    def decode(self, raw: keras.KerasTensor) -> keras.KerasTensor:
        """`edge.inference.anchors.decode_boxes` in tensors: offsets (B, anchors, 4) to corners (B, anchors, 4) px."""
        centres = self._anchors[:, :2] + raw[..., :2] * self._variances[0] * self._anchors[:, 2:]
        half = self._anchors[:, 2:] * ops.exp(ops.minimum(raw[..., 2:] * self._variances[1], 4.0)) / 2.0
        return ops.concatenate([centres - half, centres + half], axis=-1)


def generalised_iou(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """GIoU (Rezatofighi et al. 2019) of corner boxes, pair by pair: (..., 4) and (..., 4) to (...), -1..1."""
    overlap = ops.prod(
        ops.maximum(
            ops.minimum(one[..., 2:], other[..., 2:]) - ops.maximum(one[..., :2], other[..., :2]), 0.0
        ),
        axis=-1,
    )
    hull = ops.prod(
        ops.maximum(one[..., 2:], other[..., 2:]) - ops.minimum(one[..., :2], other[..., :2]), axis=-1
    )
    union = (
        ops.prod(one[..., 2:] - one[..., :2], axis=-1)
        + ops.prod(other[..., 2:] - other[..., :2], axis=-1)
        - overlap
    )
    return overlap / ops.maximum(union, 1e-6) - (hull - union) / ops.maximum(hull, 1e-6)
