"""The mask classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import ModelError
from edge.inference.card import load_card
from edge.inference.interpreter import TFLiteModel
from edge.preprocess import resize
from edge.types import Classification, Label, Pixels


class MaskClassifier:
    """Says what the face in a crop wears."""

    def __init__(self, model: Path | str, threads: int = 0, reference_kernels: bool = False) -> None:
        """threads, reference_kernels: see TFLiteModel.

        Raises ModelError where the file is not a classifier with a fitting card.
        """
        card = load_card(model)
        if card.task != "classification":
            raise ModelError(
                f"{model}: its card says {card.task}, a classifier is needed here", "give another file"
            )
        self.card = card
        self.model = TFLiteModel(card, threads, reference_kernels)

    def classify(self, crops: Sequence[Pixels]) -> list[Classification]:
        """What each crop shows, in the same order.

        crops: uint8 (h, w, 3) RGB of any size, cut with the card's `crop_margin`.
        """
        return [self._classify(pixels) for pixels in crops]

    def _classify(self, pixels: Pixels) -> Classification:
        output = self.model.run(resize(pixels, self.card.width, self.card.height))[0]
        values = output.dequantise().ravel()
        total = float(values.sum()) or 1.0  # int8 softmax sums to 1 only within its rounding
        parts = (float(value) / total for value in values)
        scores: dict[Label, float] = dict(zip(self.card.labels, parts, strict=True))
        label = max(scores, key=lambda key: scores[key])
        return Classification(label, scores[label], scores)
