"""Which anchor answers for which face, and the loss of a wrong answer."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from edge.inference.anchors import Floats, pairwise_iou
from training.detector.shape import DetectorShape

Flags = npt.NDArray[np.bool_]

CANDIDATES = 9
"""Anchors of each level that ATSS looks at for a face, as in its paper."""

BOX_WEIGHT = 2.0
"""Weight of the box loss against the score loss.

The usual weight of GIoU beside focal loss (Tian et al. 2019, Zhang et al. 2020).
"""


class Matcher:
    """Targets for the anchors of one detector by ATSS (Zhang et al. 2020).

    A face's IoU threshold is the mean plus the standard deviation over its candidates.
    """

    def __init__(self, shape: DetectorShape) -> None:
        self.anchors = shape.anchors()
        centres, half = self.anchors[:, :2], self.anchors[:, 2:] / 2
        self.corners = np.concatenate([centres - half, centres + half], axis=1)
        counts = [
            -(-shape.height // level.stride) * -(-shape.width // level.stride) * len(level.sizes)
            for level in shape.levels
        ]
        ends = np.cumsum(counts)
        self._levels = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        self._reach = np.repeat([level.stride for level in shape.levels], counts).astype(np.float32)

    def __call__(self, boxes: Floats, ignored: Flags) -> Floats:
        """Targets of one picture, float32 (anchors, 6).

        boxes: float32 (N, 4), corners in px of the input. ignored: bool (N,). Columns: 1 for a face, else 0;
        1 if the anchor counts, else 0; the box's xmin, ymin, xmax, ymax px, which is the anchor's own if
        there is no face.
        """
        number = len(self.anchors)
        targets = np.concatenate([np.zeros((number, 1)), np.ones((number, 1)), self.corners], axis=1)
        targets = targets.astype(np.float32)
        if np.any(ignored):
            targets[self._covered(boxes[ignored]), 1] = 0
        faces = boxes[~ignored]
        if len(faces):
            owner = self._owners(faces)
            found = owner >= 0
            targets[found, 0], targets[found, 1], targets[found, 2:] = 1, 1, faces[owner[found]]
        return targets

    def _owners(self, faces: Floats) -> npt.NDArray[np.intp]:
        """int (anchors,): the face that each anchor answers for, -1 for none.

        An anchor that two faces claim goes to the one with the larger overlap. Each face claims at least the
        anchor that overlaps it most.
        """
        overlap = pairwise_iou(self.corners, faces)
        claimed = np.where(self._positive(faces, overlap), overlap, -1)
        best, number = overlap.argmax(axis=0), np.arange(len(faces))
        claimed[best, number] = overlap[best, number] + 1
        return np.where(claimed.max(axis=1) >= 0, claimed.argmax(axis=1), -1)

    def _positive(self, faces: Floats, overlap: Floats) -> Flags:
        """bool (anchors, N): anchors above a face's threshold with their centre in the face.

        If a face is smaller than the level's stride the centre may lie outside, by half a stride at most.
        """
        centre = (faces[:, :2] + faces[:, 2:]) / 2
        offset = np.abs(self.anchors[:, None, :2] - centre[None])
        candidate = self._candidates(np.square(offset).sum(axis=2))
        number = np.maximum(candidate.sum(axis=0), 1)
        mean = np.where(candidate, overlap, 0).sum(axis=0) / number
        spread = np.sqrt(np.where(candidate, np.square(overlap - mean), 0).sum(axis=0) / number)
        half = np.maximum((faces[:, 2:] - faces[:, :2])[None] / 2, self._reach[:, None, None] / 2)
        return np.asarray(candidate & (overlap >= mean + spread) & np.all(offset <= half, axis=2))

    def _candidates(self, distance: Floats) -> Flags:
        """bool (anchors, N): the anchors of each level whose centres are nearest. distance: (anchors, N)."""
        candidate = np.zeros(distance.shape, bool)
        for level in self._levels:
            count = min(CANDIDATES, level.stop - level.start)
            nearest = np.argpartition(distance[level], count - 1, axis=0)[:count] + level.start
            candidate[nearest, np.arange(distance.shape[1])] = True
        return candidate

    def _covered(self, regions: Floats) -> Flags:
        """bool (anchors,): those that overlap an ignored face, or have their centre in or near one.

        Near: half a stride, for tiny faces.
        """
        centres, slack = self.anchors[:, None, :2], self._reach[:, None, None] / 2
        inside = np.all(
            (centres >= regions[:, :2] - slack) & (centres <= regions[:, 2:] + slack),
            axis=2,
        )
        return np.asarray(np.any(inside | (pairwise_iou(self.corners, regions) > 0.3), axis=1))


def flatten_outputs(outputs: list[keras.KerasTensor]) -> keras.KerasTensor:
    """The raw outputs of `build_detector` as one float32 (N, anchors, 5): a logit and four offsets.

    They are in the order of `DetectorShape.anchors`.
    """
    parts = []
    for scores, boxes in zip(outputs[::2], outputs[1::2], strict=True):
        count = int(np.prod(scores.shape[1:]))
        columns = [keras.layers.Reshape((count, 1))(scores), keras.layers.Reshape((count, 4))(boxes)]
        parts.append(keras.layers.Concatenate()(columns))
    return keras.layers.Concatenate(axis=1)(parts)


class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]
    """Focal loss on the scores (Lin et al. 2017) and GIoU loss on the boxes, per face of the batch.

    y_true: float32 (B, anchors, 6) of `Matcher`. y_pred: float32 (B, anchors, 5) of `flatten_outputs`.
    alpha, gamma: those of the focal loss.
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
        """Offsets (B, anchors, 4) to corners (B, anchors, 4) px.

        `edge.inference.anchors.decode_boxes` in tensors.
        """
        centres = self._anchors[:, :2] + raw[..., :2] * self._variances[0] * self._anchors[:, 2:]
        half = self._anchors[:, 2:] * ops.exp(ops.minimum(raw[..., 2:] * self._variances[1], 4.0)) / 2.0
        return ops.concatenate([centres - half, centres + half], axis=-1)


def generalised_iou(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """GIoU (Rezatofighi et al. 2019) of corner boxes, pair by pair: (..., 4) and (..., 4) to (...), -1..1."""
    low, high = ops.maximum(one[..., :2], other[..., :2]), ops.minimum(one[..., 2:], other[..., 2:])
    overlap = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    left, right = ops.minimum(one[..., :2], other[..., :2]), ops.maximum(one[..., 2:], other[..., 2:])
    hull = ops.prod(right - left, axis=-1)
    union = _area(one) + _area(other) - overlap
    return overlap / ops.maximum(union, 1e-6) - (hull - union) / ops.maximum(hull, 1e-6)


def _area(boxes: keras.KerasTensor) -> keras.KerasTensor:
    """Of corner boxes: (..., 4) to (...)."""
    return ops.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
