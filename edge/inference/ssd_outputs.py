"""Boxes and scores from the outputs of an SSD detector, raw or postprocessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge.errors import ModelError
from edge.inference.anchors import Floats, decode_boxes, level_anchors, non_maximum_suppression
from edge.inference.card import DetectorCard, Level, ModelCard
from edge.inference.interpreter import OutputTensor, TensorSpec
from edge.preprocess import dequantise

CONVERT_AGAIN = "the model is damaged or was converted wrongly: convert it again"

POSTPROCESS = "TFLite_Detection_PostProcess"
"""TFLite's operation that decodes boxes and drops overlapping ones; by default its outputs have its name."""


class OutputReader(Protocol):
    """Makes boxes of one inference's outputs."""

    def boxes(self, outputs: Sequence[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """The boxes that score `threshold` or more, without overlapping ones.

        Returns float32 (N, 4) corners (xmin, ymin, xmax, ymax) in px of the model's input, not clipped; and
        their scores, float32 (N,), 0..1.
        """


def output_reader(card: ModelCard, detector: DetectorCard, specs: Sequence[TensorSpec]) -> OutputReader:
    """The reader for the outputs that the card describes. specs: the file's outputs.

    Raises ModelError where file and card do not fit together.
    """
    kind = RawReader if detector.outputs == "raw" else PostprocessedReader
    return kind(card, detector, specs)


@dataclass(frozen=True, slots=True)
class _LevelOutputs:
    """The two outputs of one level of a raw detector, and what their bytes stand for."""

    score_index: int
    """Place of the score tensor among the outputs."""
    box_index: int
    """Place of the box tensor among the outputs."""
    score: TensorSpec
    """The score tensor, logits."""
    scores: Floats
    """Score of each byte of the score tensor, float32 (256,)."""
    offsets: Floats
    """Offset of each byte of the box tensor, float32 (256,)."""
    anchors: Floats
    """float32 (N, 4): (cx, cy, w, h) in px of the model's input."""


class RawReader:
    """Decodes logits and offsets, level by level.

    Scores are compared as int8: only those that reach the threshold are looked up and decoded.
    """

    def __init__(self, card: ModelCard, detector: DetectorCard, specs: Sequence[TensorSpec]) -> None:
        """Raises ModelError where a level of the card has no outputs in the file."""
        self._variances, self._iou_threshold = detector.variances, detector.iou_threshold
        self._levels = [_level_outputs(card, level, specs) for level in detector.levels]

    def boxes(self, outputs: Sequence[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """See OutputReader; best first."""
        boxes, scores = self._decode(outputs, threshold)
        kept = non_maximum_suppression(boxes, scores, self._iou_threshold)
        return boxes[kept], scores[kept]

    def _decode(self, outputs: Sequence[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """All boxes that score `threshold` or more, overlapping ones too."""
        threshold = min(max(threshold, 1e-4), 1 - 1e-4)
        logit = math.log(threshold / (1 - threshold))
        scores, offsets, anchors = [], [], []
        for level in self._levels:
            logits = outputs[level.score_index].values.ravel()
            (found,) = (logits >= math.ceil(logit / level.score.scale + level.score.zero_point)).nonzero()
            if found.size:  # for a handful of values, take is faster than brackets; this runs in every frame
                boxes = outputs[level.box_index].values.reshape(-1, 4)
                scores.append(level.scores.take(logits.take(found).view(np.uint8)))
                offsets.append(level.offsets.take(boxes.take(found, axis=0).view(np.uint8)))
                anchors.append(level.anchors.take(found, axis=0))
        if not scores:
            return np.empty((0, 4), np.float32), np.empty(0, np.float32)
        decoded = decode_boxes(np.concatenate(offsets), np.concatenate(anchors), self._variances)
        return decoded, np.concatenate(scores)


def _level_outputs(card: ModelCard, level: Level, specs: Sequence[TensorSpec]) -> _LevelOutputs:
    """The outputs of one level, found by their shapes. Raises ModelError."""
    places = {spec.shape: place for place, spec in enumerate(specs) if spec.dtype == "int8"}
    grid = -(-card.height // level.stride), -(-card.width // level.stride)
    count = len(level.sizes)
    shapes = (1, *grid, count), (1, *grid, 4 * count)
    missing = [shape for shape in shapes if shape not in places]
    if missing:
        raise ModelError(
            f"{card.path}: has no int8 output of shape {missing[0]}, "
            f"as stride {level.stride} on its card needs",
            "take the card that was made with it",
        )
    score, box = (places[shape] for shape in shapes)
    scores = np.asarray(1 / (1 + np.exp(-_table(specs[score]))), np.float32)
    anchors = level_anchors(card.width, card.height, level.stride, level.sizes)
    return _LevelOutputs(score, box, specs[score], scores, _table(specs[box]), anchors)


def _table(spec: TensorSpec) -> Floats:
    """float32 (256,): what the bytes 0..255 of an int8 tensor stand for.

    A look-up is one step; arithmetic on a few bytes takes five.
    """
    return dequantise(np.arange(256).astype(np.uint8).view(np.int8), spec.scale, spec.zero_point)


class PostprocessedReader:
    """Reads the four outputs of TFLite_Detection_PostProcess: boxes, classes, scores, count."""

    def __init__(self, card: ModelCard, detector: DetectorCard, specs: Sequence[TensorSpec]) -> None:
        """Raises ModelError where it cannot tell which output is which."""
        self._size = np.array([card.width, card.height] * 2, np.float32)
        self._face_class, self._path = detector.face_class, card.path
        self._places = find_postprocessed(card, detector, specs)

    def boxes(self, outputs: Sequence[OutputTensor], threshold: float) -> tuple[Floats, Floats]:
        """See OutputReader; in the order of the file. Raises ModelError for numbers that cannot be."""
        values = {key: outputs[place].dequantise()[0] for key, place in self._places.items()}
        count = float(values["count"])  # the operation leaves what is behind it unwritten
        if not 0 <= count <= len(values["scores"]):
            raise ModelError(f"{self._path}: found {count:g} boxes of {len(values['scores'])}", CONVERT_AGAIN)
        boxes, scores, classes = (values[key][: int(count)] for key in ("boxes", "scores", "classes"))
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ModelError(f"{self._path}: gives boxes or scores that are no numbers", CONVERT_AGAIN)
        keep = (scores >= threshold) & (np.round(classes) == self._face_class)
        return boxes[keep][:, [1, 0, 3, 2]] * self._size, scores[keep]


def find_postprocessed(
    card: ModelCard, detector: DetectorCard, specs: Sequence[TensorSpec]
) -> dict[str, int]:
    """Which output is which: boxes, classes, scores and count -> place among the outputs.

    By the card's `output_names`; else boxes by its shape (1, N, 4), count by (1,), and classes and scores by
    the operation's own names, which end in `:1` and `:2`. Other names with such an ending say nothing:
    TensorFlow 2's exports have the scores at `:1`. Raises ModelError.
    """
    names = {**_guess_postprocessed(specs), **detector.output_names}
    places = {spec.name: place for place, spec in enumerate(specs)}
    wanted = ("boxes", "classes", "scores", "count")
    missing = [key for key in wanted if names.get(key) not in places]
    if missing:
        raise ModelError(
            f"{card.path}: cannot tell which output holds {', '.join(missing)}",
            f"name it in the card's output_names (outputs: {', '.join(sorted(places))})",
        )
    return {key: places[names[key]] for key in wanted}


def _guess_postprocessed(specs: Sequence[TensorSpec]) -> dict[str, str]:
    found: dict[str, str] = {}
    for spec in specs:
        if len(spec.shape) == 3 and spec.shape[-1] == 4:
            found.setdefault("boxes", spec.name)
        elif spec.shape == (1,):
            found.setdefault("count", spec.name)
        elif spec.name == f"{POSTPROCESS}:1":
            found["classes"] = spec.name
        elif spec.name == f"{POSTPROCESS}:2":
            found["scores"] = spec.name
    return found
