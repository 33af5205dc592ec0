"""Model cards: the JSON file beside each model that says what it is. No model runs without a fitting card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.preprocess import CROP_MARGIN, MEAN, STD
from edge.types import Label

FORMAT = 1
"""The version of the cards' form that is read here."""

MOST_BYTES = 2**20
"""A card has some kilobytes."""

MOST_PIXELS = 4096
"""Width and height of a model's input."""

SMALLEST = 1e-6
"""Of what must be above zero."""

COPY_AGAIN = "the file is damaged or another version: copy both again"


@dataclass(frozen=True, slots=True)
class Level:
    """One grid of an SSD detector."""

    stride: int
    """Pixels of the model's input from cell to cell."""
    sizes: tuple[tuple[float, float], ...]
    """The anchors of each cell: (width, height), px of the model's input."""


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """How to read an SSD detector's outputs."""

    outputs: str
    """`raw`: for each level a score tensor (1, h, w, A), logits, and a box tensor (1, h, w, 4A).

    `postprocessed`: the four outputs of TFLite_Detection_PostProcess: boxes, classes, scores, count.
    """
    levels: tuple[Level, ...]
    """Of `raw` outputs."""
    variances: tuple[float, float]
    """Of `raw` outputs: of the box's centre and of its size, see `decode_boxes`."""
    score_threshold: float
    """The lowest score that counts, 0..1; the configuration may have another."""
    iou_threshold: float
    """Of `raw` outputs: two boxes that overlap by more than this, 0..1, are one face."""
    face_class: int
    """Of `postprocessed` outputs: which class is a face."""
    output_names: Mapping[str, str]
    """Of `postprocessed` outputs, where they have other names: boxes, classes, scores, count -> name."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the runtime needs to know of a model file; everything else on the card is for people."""

    path: Path
    """Of the model."""
    name: str
    task: str
    """`classification` or `detection`."""
    sha256: str
    """Of the model file, hexadecimal."""
    width: int
    """Of the input, px."""
    height: int
    """Of the input, px."""
    labels: tuple[Label, ...]
    """Of a classifier, in the order of its output; else empty."""
    crop_margin: float
    """Of a classifier: see `edge.preprocess.crop`."""
    detector: DetectorCard | None
    """Of a detector."""
    compiled_from: str = ""
    """Of a file for the Edge TPU: SHA-256 of the file that it was made of; else empty."""


def card_path(model: Path) -> Path:
    """`mask_classifier.tflite` has its card in `mask_classifier.json`."""
    return model.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_card(model: Path | str) -> ModelCard:
    """Read and check the card of a model file.

    Raises ModelError, which names the file, what is wrong, and what to do.
    """
    model = Path(model)
    if not model.is_file():
        raise ModelError(f"{model}: no such model", "give the path of a .tflite file")
    if model.read_bytes()[4:8] != b"TFL3":
        raise ModelError(f"{model}: not a TFLite file", "make one with `python -m convert.quantize`")
    path = card_path(model)
    if not path.is_file():
        raise ModelError(
            f"{model}: its card {path.name} is missing",
            "copy both files, or write a card as models/README.md shows",
        )
    card = _read(model, path)
    if sha256_of(model) != card.sha256:
        raise ModelError(f"{model}: its SHA-256 is not the one on {path.name}", COPY_AGAIN)
    return card


def _read(model: Path, path: Path) -> ModelCard:
    try:
        return _parse(model, json.loads(_text(path)))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        cause = f"lacks {error}" if isinstance(error, KeyError) else error
        raise ModelError(f"{path}: not a usable model card ({cause})", "see models/README.md") from error


def _text(path: Path) -> str:
    """A card's text. Raises ValueError for what is no text, or too much of it; ModelError for no access."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})", "check its permissions") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES // 2**20} MB")
    return data.decode("utf-8-sig")


def _parse(model: Path, data: Mapping[str, Any]) -> ModelCard:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}, this version reads {FORMAT}")
    entry = data["input"]
    if (entry["colour"], entry["mean"], entry["std"]) != ("RGB", MEAN, STD):
        raise ValueError(f"input must be RGB with mean {MEAN} and std {STD}")
    task = data["task"]
    if task not in ("classification", "detection"):
        raise ValueError(f"task {task!r} is neither classification nor detection")
    return ModelCard(
        path=model,
        name=str(data["name"]),
        task=task,
        sha256=str(data["sha256"]),
        width=_whole(entry["width"], "width", 1, MOST_PIXELS),
        height=_whole(entry["height"], "height", 1, MOST_PIXELS),
        labels=_parse_labels(data["labels"]) if task == "classification" else (),
        crop_margin=_number(data.get("crop_margin", CROP_MARGIN), "crop_margin", 0, 1),
        detector=_parse_detector(data["detector"]) if task == "detection" else None,
        compiled_from=str(data.get("edgetpu", {}).get("source_sha256", "")),
    )


def _parse_labels(names: Sequence[str]) -> tuple[Label, ...]:
    """The classes. A class named twice would let a bare face pass, one without a mask must be among them."""
    labels = tuple(Label(name) for name in names)
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels {', '.join(labels)}: one is there twice")
    if Label.UNKNOWN in labels:
        raise ValueError(f"label {Label.UNKNOWN} is no class of a model")
    missing = {Label.WITH_MASK, Label.WITHOUT_MASK} - set(labels)
    if missing:
        raise ValueError(f"labels lack {', '.join(sorted(missing))}")
    return labels


def _parse_detector(data: Mapping[str, Any]) -> DetectorCard:
    outputs = data["outputs"]
    if outputs not in ("raw", "postprocessed"):
        raise ValueError(f"detector outputs {outputs!r} are neither raw nor postprocessed")
    raw = outputs == "raw"
    centre, size = data["variances"] if raw else (1.0, 1.0)
    levels = tuple(_parse_level(level) for level in data["levels"]) if raw else ()
    if raw and not levels:
        raise ValueError("a raw detector needs a level")
    return DetectorCard(
        outputs=outputs,
        levels=levels,
        variances=(_number(centre, "variances", SMALLEST, 10), _number(size, "variances", SMALLEST, 10)),
        score_threshold=_number(data["score_threshold"], "score_threshold", 0, 1),
        iou_threshold=_number(data["iou_threshold"], "iou_threshold", 0, 1) if raw else 1.0,
        face_class=_whole(data.get("face_class", 0), "face_class", 0, 2**31),
        output_names={str(key): str(name) for key, name in data.get("output_names", {}).items()},
    )


def _parse_level(data: Mapping[str, Any]) -> Level:
    sizes = tuple(
        (
            _number(width, "sizes", SMALLEST, 10 * MOST_PIXELS),
            _number(height, "sizes", SMALLEST, 10 * MOST_PIXELS),
        )
        for width, height in data["sizes"]
    )
    if not sizes:
        raise ValueError("a level needs an anchor size")
    return Level(_whole(data["stride"], "stride", 1, MOST_PIXELS), sizes)


def _whole(value: object, name: str, least: int, most: int) -> int:
    """A whole number between two bounds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}")
    return value


def _number(value: object, name: str, least: float, most: float) -> float:
    """A finite number between two bounds. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}")
    return float(value)
