"""Model cards: the JSON file beside each model that says what it is. No model runs without a fitting card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.preprocess import CROP_MARGIN, MEAN, STD
from edge.types import Label

FORMAT = 1
"""The version of the cards' form that is read here."""

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
        return _parse(model, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        cause = f"lacks {error}" if isinstance(error, KeyError) else error
        raise ModelError(f"{path}: not a usable model card ({cause})", "see models/README.md") from error


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
        width=int(entry["width"]),
        height=int(entry["height"]),
        labels=tuple(Label(label) for label in data["labels"]) if task == "classification" else (),
        crop_margin=float(data.get("crop_margin", CROP_MARGIN)),
        detector=_parse_detector(data["detector"]) if task == "detection" else None,
        compiled_from=str(data.get("edgetpu", {}).get("source_sha256", "")),
    )


def _parse_detector(data: Mapping[str, Any]) -> DetectorCard:
    outputs = data["outputs"]
    if outputs not in ("raw", "postprocessed"):
        raise ValueError(f"detector outputs {outputs!r} are neither raw nor postprocessed")
    raw = outputs == "raw"
    centre, size = data["variances"] if raw else (1.0, 1.0)
    return DetectorCard(
        outputs=outputs,
        levels=tuple(_parse_level(level) for level in data["levels"]) if raw else (),
        variances=(float(centre), float(size)),
        score_threshold=float(data["score_threshold"]),
        iou_threshold=float(data["iou_threshold"]) if raw else 1.0,
        face_class=int(data.get("face_class", 0)),
        output_names=dict(data.get("output_names", {})),
    )


def _parse_level(data: Mapping[str, Any]) -> Level:
    sizes = tuple((float(width), float(height)) for width, height in data["sizes"])
    return Level(int(data["stride"]), sizes)
