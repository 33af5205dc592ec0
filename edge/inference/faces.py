"""Face detectors: what each is, and any SSD-style TFLite model by its card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from edge.errors import ModelError
from edge.inference.anchors import Floats
from edge.inference.card import load_card
from edge.inference.interpreter import OutputTensor, TFLiteModel
from edge.inference.ssd_outputs import output_reader
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
            raise ModelError(
                f"{model}: its card says {card.task}, a face detector is needed here", "give another file"
            )
        self.card = card
        self.score_threshold = card.detector.score_threshold if score_threshold is None else score_threshold
        self.prepare_s = 0.0
        self.model = TFLiteModel(card, threads, reference_kernels)
        self._reader = output_reader(card, card.detector, self.model.output_specs)

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
        boxes, scores = self._reader.boxes(outputs, lowest)
        return detections_in_frame(boxes, scores, self.card.width, self.card.height, width, height)


def detections_in_frame(
    corners: Floats, scores: Floats, seen_width: int, seen_height: int, width: int, height: int
) -> list[Detection]:
    """Boxes of the picture that a detector saw as detections in the frame, clipped to it, best first.

    corners: (N, 4) px of the picture, whose width and height are seen_width and seen_height. scores: (N,).
    width, height: of the frame, px. What lies outside the frame is dropped.
    """
    x, y = width / seen_width, height / seen_height
    boxes = [BoundingBox(*corner).scale(x, y).clip(width, height) for corner in corners.tolist()]
    found = [Detection(box, score) for box, score in zip(boxes, scores.tolist(), strict=True) if box.area > 0]
    return sorted(found, key=lambda detection: -detection.score)
