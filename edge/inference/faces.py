"""Face detectors: any SSD-style TFLite model by its card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import numpy as np

from edge.errors import ModelError
from edge.inference.anchors import Floats, non_maximum_suppression
from edge.inference.card import load_card
from edge.inference.interpreter import OutputTensor, TFLiteModel
from edge.inference.ssd_outputs import RawReader, postprocess_outputs
from edge.preprocess import resize
from edge.types import BoundingBox, Detection, Frame, Pixels


class FaceDetector(Protocol):
    """Finds faces in a frame."""

    def detect(self, frame: Frame, threshold: float | None = None) -> list[Detection]:
        """Faces, best first, boxes in pixels of the full view, clipped to it.

        threshold: the lowest score that counts, 0..1; None: the one that the detector was built with.
        """


class SSDFaceDetector:
    """A single-shot detector in int8 TFLite. The frame is stretched to the model's input, as in training."""

    score_threshold: float
    """The lowest score that counts where `detect` is not told another, 0..1."""
    prepare_s: float
    """Seconds spent in `prepare` so far."""

    def __init__(
        self,
        model: Path | str,
        threads: int = 0,
        score_threshold: float | None = None,
        reference_kernels: bool = False,
    ) -> None:
        """threads, reference_kernels: see TFLiteModel. score_threshold: None for the card's.

        Raises ModelError where file and card do not fit together.
        """
        card = load_card(model)
        if card.detector is None:
            raise ModelError(f"{model}: its card says {card.task}, a face detector is needed here")
        self.card, self._detector = card, card.detector
        self.score_threshold = card.detector.score_threshold if score_threshold is None else score_threshold
        self.prepare_s = 0.0
        self.model = TFLiteModel(card, threads, reference_kernels)
        raw = card.detector.outputs == "raw"
        self._reader = (
            RawReader(card.detector, card.width, card.height, self.model.output_specs, model) if raw else None
        )
        self._names = None if raw else postprocess_outputs(card.detector, self.model.output_shapes(), model)

    def detect(self, frame: Frame, threshold: float | None = None) -> list[Detection]:
        pixels = self.prepare(frame)
        outputs = self.model.run(pixels)
        return self.read(outputs, frame.width, frame.height, threshold)

    def prepare(self, frame: Frame) -> Pixels:
        """The model's input picture, uint8 (height, width, 3) RGB.

        It is made from the preview where the camera gives one that is large enough.
        """
        begin = time.perf_counter()
        width, height, view = self.card.width, self.card.height, frame.preview
        if view is None or view.shape[1] < width or view.shape[0] < height:
            view = frame.pixels
        pixels = resize(view, width, height)
        self.prepare_s += time.perf_counter() - begin
        return pixels

    def read(
        self, outputs: list[OutputTensor], width: int, height: int, threshold: float | None = None
    ) -> list[Detection]:
        """Detections from one inference's outputs, for a frame of this width and height (px)."""
        lowest = self.score_threshold if threshold is None else threshold
        if self._reader:
            boxes, scores = self._reader.boxes(outputs, lowest)
            kept = non_maximum_suppression(boxes, scores, self._detector.iou_threshold)
            boxes, scores = boxes[kept], scores[kept]
        else:
            boxes, scores = self._read_postprocessed(outputs, lowest)
        return detections_in_frame(boxes, scores, self.card.width, self.card.height, width, height)

    def _read_postprocessed(self, outputs: list[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """(N, 4) corner boxes in px of the model's input and (N,) scores, best first."""
        assert self._names is not None
        by_name = {output.name: output.dequantise()[0] for output in outputs}
        count = int(by_name[self._names["count"]])  # the operation leaves what lies behind unwritten
        boxes, scores, classes = (by_name[self._names[key]][:count] for key in ("boxes", "scores", "classes"))
        keep = (scores >= threshold) & (np.round(classes) == self._detector.face_class)
        size = np.array([self.card.width, self.card.height] * 2, np.float32)
        return boxes[keep][:, [1, 0, 3, 2]] * size, scores[keep]


def detections_in_frame(
    corners: Floats, scores: Floats, seen_width: int, seen_height: int, width: int, height: int
) -> list[Detection]:
    """Corners in px of the picture that the detector saw as boxes in px of the frame, clipped to it, best first; what lies outside is dropped."""
    x, y = width / seen_width, height / seen_height
    boxes = [BoundingBox(*corner).scale(x, y).clip(width, height) for corner in corners.tolist()]
    found = [Detection(box, score) for box, score in zip(boxes, scores.tolist(), strict=True) if box.area > 0]
    return sorted(found, key=lambda detection: -detection.score)
