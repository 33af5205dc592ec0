"""Face detectors: any SSD-style TFLite model by its card, and OpenCV's cascade."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edge.errors import MissingLibraryError, ModelError
from edge.inference.anchors import Floats, decode_boxes, level_anchors, non_maximum_suppression
from edge.inference.card import DetectorCard, load_card
from edge.inference.interpreter import OutputTensor, TensorSpec, TFLiteModel
from edge.optional import import_cv2
from edge.preprocess import dequantise, resize
from edge.types import BoundingBox, Detection, Frame, Pixels

POSTPROCESS = "TFLite_Detection_PostProcess"
"""TFLite's operation that decodes boxes and suppresses overlapping ones, and what its outputs are called where nobody renamed them."""

CASCADE = "haarcascade_frontalface_default.xml"
CASCADE_FOLDERS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades"))
"""Where Debian puts OpenCV's cascades (package opencv-data); the PyPI wheels carry them in `cv2.data`."""


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
            _RawReader(card.detector, card.width, card.height, self.model.output_specs, model)
            if raw
            else None
        )
        self._names = None if raw else _postprocess_outputs(card.detector, self.model.output_shapes(), model)

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
        return _detections(boxes, scores, self.card.width, self.card.height, width, height)

    def _read_postprocessed(self, outputs: list[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """(N, 4) corner boxes in px of the model's input and (N,) scores, best first."""
        assert self._names is not None
        by_name = {output.name: output.dequantise()[0] for output in outputs}
        count = int(by_name[self._names["count"]])  # the operation leaves what lies behind unwritten
        boxes, scores, classes = (by_name[self._names[key]][:count] for key in ("boxes", "scores", "classes"))
        keep = (scores >= threshold) & (np.round(classes) == self._detector.face_class)
        size = np.array([self.card.width, self.card.height] * 2, np.float32)
        return boxes[keep][:, [1, 0, 3, 2]] * size, scores[keep]


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of a raw detector: where its two outputs stand among the file's, and what their bytes stand for.

    score: of the logits. scores, offsets: float32 (256,), by the value of the byte. anchors: float32 (N, 4).
    """

    score_index: int
    box_index: int
    score: TensorSpec
    scores: Floats
    offsets: Floats
    anchors: Floats


class _RawReader:
    """Boxes from logits and offsets, level by level. Scores are compared as int8: only what passes is looked up and decoded."""

    def __init__(
        self, card: DetectorCard, width: int, height: int, specs: Sequence[TensorSpec], model: Path | str
    ) -> None:
        self._variances = card.variances
        self._levels = []
        positions = {spec.shape: i for i, spec in enumerate(specs) if spec.dtype == "int8"}
        for level in card.levels:
            grid, count = (-(-height // level.stride), -(-width // level.stride)), len(level.sizes)
            wanted = (1, *grid, count), (1, *grid, 4 * count)
            missing = [shape for shape in wanted if shape not in positions]
            if missing:
                raise ModelError(
                    f"{model}: has no int8 output of shape {missing[0]}, as stride {level.stride} on its card needs; take the card made with it"
                )
            score, box = (positions[shape] for shape in wanted)
            scores = np.asarray(1 / (1 + np.exp(-_table(specs[score]))), np.float32)
            anchors = level_anchors(width, height, level.stride, level.sizes)
            self._levels.append(_Level(score, box, specs[score], scores, _table(specs[box]), anchors))

    def boxes(self, outputs: list[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """All boxes that score `threshold` or more: (N, 4) corners in px of the model's input, and (N,) scores."""
        threshold = min(max(threshold, 1e-4), 1 - 1e-4)
        logit = math.log(threshold / (1 - threshold))
        scores, offsets, anchors = [], [], []
        for level in self._levels:
            values = outputs[level.score_index].values.ravel()
            (found,) = (values >= math.ceil(logit / level.score.scale + level.score.zero_point)).nonzero()
            if found.size:  # take: of a handful of values it is quicker than brackets, in every frame
                scores.append(level.scores.take(values.take(found).view(np.uint8)))
                offsets.append(
                    level.offsets.take(
                        outputs[level.box_index].values.reshape(-1, 4).take(found, axis=0).view(np.uint8)
                    )
                )
                anchors.append(level.anchors.take(found, axis=0))
        if not scores:
            return np.empty((0, 4), np.float32), np.empty(0, np.float32)
        return decode_boxes(
            np.concatenate(offsets), np.concatenate(anchors), self._variances
        ), np.concatenate(scores)


def _table(spec: TensorSpec) -> Floats:
    """float32 (256,): what the bytes 0..255 of an int8 tensor stand for. A look-up is one step, arithmetic on a few bytes takes five."""
    return dequantise(np.arange(256).astype(np.uint8).view(np.int8), spec.scale, spec.zero_point)


def _postprocess_outputs(
    card: DetectorCard, shapes: list[tuple[str, tuple[int, ...]]], model: Path | str
) -> dict[str, str]:
    """Which output is which: by the card's `output_names`, else boxes by shape (1, N, 4), count by (1,), and classes, scores by the op's `:1`, `:2`.

    Other names with such an ending say nothing: those of TensorFlow 2's exports have the scores at `:1`.
    """
    found = dict(card.output_names)
    for name, shape in shapes:
        if len(shape) == 3 and shape[-1] == 4:
            found.setdefault("boxes", name)
        elif shape == (1,):
            found.setdefault("count", name)
        elif name == f"{POSTPROCESS}:1":
            found.setdefault("classes", name)
        elif name == f"{POSTPROCESS}:2":
            found.setdefault("scores", name)
    known = {name for name, _ in shapes}
    missing = [key for key in ("boxes", "classes", "scores", "count") if found.get(key) not in known]
    if missing:
        names = ", ".join(sorted(known))
        raise ModelError(
            f"{model}: cannot tell which output holds {', '.join(missing)}; name it in the card's output_names (outputs: {names})"
        )
    return found


class CascadeFaceDetector:
    """OpenCV's frontal Haar cascade (Viola and Jones 2001): a stand-in where there is no detector model. It loses most masked faces.

    Raises MissingLibraryError where OpenCV or its cascade file is not installed.
    """

    def __init__(self, min_size: int = 48) -> None:
        self._cv2 = import_cv2()
        self._min_size = min_size
        folders = [Path(self._cv2.data.haarcascades)] if hasattr(self._cv2, "data") else []
        path = next(
            (folder / CASCADE for folder in (*folders, *CASCADE_FOLDERS) if (folder / CASCADE).is_file()),
            None,
        )
        if path is None or not hasattr(self._cv2, "CascadeClassifier"):
            raise MissingLibraryError(
                f"OpenCV's {CASCADE} is missing; `sudo apt install opencv-data`, or configure a detector model"
            )
        self._cascade = self._cv2.CascadeClassifier(str(path))

    def detect(self, frame: Frame, threshold: float | None = None) -> list[Detection]:
        pixels = frame.pixels if frame.preview is None else frame.preview
        scale = min(1.0, 640 / max(pixels.shape[:2]))
        small = resize(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        grey = self._cv2.equalizeHist(self._cv2.cvtColor(small, self._cv2.COLOR_RGB2GRAY))
        found, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=4,
            minSize=(self._min_size, self._min_size),
            outputRejectLevels=True,
        )
        if not len(found):
            return []
        corners = np.asarray(found, np.float32)
        corners[:, 2:] += corners[:, :2]
        scores = np.asarray(1 / (1 + np.exp(-np.ravel(weights) / 2)), np.float32)
        kept = scores >= (threshold or 0.0)
        corners, scores = corners[kept], scores[kept]
        return _detections(corners, scores, small.shape[1], small.shape[0], frame.width, frame.height)


def _detections(
    corners: Floats, scores: Floats, seen_width: int, seen_height: int, width: int, height: int
) -> list[Detection]:
    """Corners in px of the picture that the detector saw as boxes in px of the frame, clipped to it, best first; what lies outside is dropped."""
    x, y = width / seen_width, height / seen_height
    boxes = [BoundingBox(*corner).scale(x, y).clip(width, height) for corner in corners.tolist()]
    found = [Detection(box, score) for box, score in zip(boxes, scores.tolist(), strict=True) if box.area > 0]
    return sorted(found, key=lambda detection: -detection.score)
