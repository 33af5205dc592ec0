"""Boxes and scores from the outputs of an SSD detector, raw or postprocessed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.inference.anchors import Floats, decode_boxes, level_anchors
from edge.inference.card import DetectorCard
from edge.inference.interpreter import OutputTensor, TensorSpec
from edge.preprocess import dequantise

POSTPROCESS = "TFLite_Detection_PostProcess"
"""TFLite's operation that decodes boxes and suppresses overlapping ones, and what its outputs are called where nobody renamed them."""


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


class RawReader:
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


def postprocess_outputs(
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
