"""Which models have a compiled file for the Edge TPU, their twin, beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import ModelError
from edge.inference.card import ModelCard, load_card
from edge.inference.interpreter import TFLiteModel

Twins = list[tuple[TFLiteModel, Path]]
"""Models with the path of their compiled file."""


def compiled_path(model: Path) -> Path:
    """`mask_classifier.tflite` has its compiled twin in `mask_classifier_edgetpu.tflite`."""
    return model.with_name(f"{model.stem}_edgetpu.tflite")


def find_compiled(models: Sequence[TFLiteModel]) -> tuple[Twins, list[TFLiteModel]]:
    """Models with their compiled file, and those that have none.

    Raises ModelError where a compiled file is not usable, or is that of another model.
    """
    found: Twins = []
    missing = []
    for model in models:
        path = compiled_path(model.card.path)
        if path.is_file():
            check_compiled(load_card(path), model.card)
            found.append((model, path))
        else:
            missing.append(model)
    return found, missing


def check_compiled(compiled: ModelCard, source: ModelCard) -> None:
    """Raises ModelError where a compiled file was made of another file than the one beside it."""
    if compiled.compiled_from != source.sha256:
        raise ModelError(
            f"{compiled.path}: not compiled from {source.path.name} as it is now",
            "compile it again with `python -m convert.compile`",
        )
