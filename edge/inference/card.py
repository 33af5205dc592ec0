"""Model cards: the JSON file beside each model that says what it is. A model without a fitting card does not run."""

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


@dataclass(frozen=True, slots=True)
class Level:
    """One grid of an SSD detector. stride: px. sizes: anchors, (width, height) px of the model's input."""

    stride: int
    sizes: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """How to read an SSD detector's outputs.

    outputs: `raw` (per level a score tensor (1, h, w, A), logits, and a box tensor (1, h, w, 4A)) or `postprocessed`
    (TFLite_Detection_PostProcess: boxes, classes, scores, count). face_class: which class is a face, for `postprocessed`.
    score_threshold, iou_threshold: 0..1, defaults that the configuration may override.
    """

    outputs: str
    levels: tuple[Level, ...]
    variances: tuple[float, float]
    score_threshold: float
    iou_threshold: float
    face_class: int
    output_names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the runtime needs to know of a model file; everything else on the card is for people.

    width, height: of the input, px. labels, crop_margin: of a classifier. detector: of a detector. compiled_from: SHA-256 of the file that a file for
    the Edge TPU was made of, else empty.
    """

    path: Path
    name: str
    task: str
    sha256: str
    width: int
    height: int
    labels: tuple[Label, ...]
    crop_margin: float
    detector: DetectorCard | None
    compiled_from: str = ""


def card_path(model: Path) -> Path:
    """`mask_classifier.tflite` has its card in `mask_classifier.json`."""
    return model.with_suffix(".json")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_card(model: Path | str) -> ModelCard:
    """Read and check the card of a model file. Raises ModelError, which names the file, what is wrong, and what to do."""
    model = Path(model)
    if not model.is_file():
        raise ModelError(f"{model}: no such model; give the path of a .tflite file")
    if model.read_bytes()[4:8] != b"TFL3":
        raise ModelError(f"{model}: not a TFLite file; make one with `python -m convert.quantize`")
    path = card_path(model)
    if not path.is_file():
        raise ModelError(
            f"{model}: its card {path.name} is missing; copy both files, or write a card as models/README.md shows"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        card = _parse(model, data)
    except (ValueError, KeyError, TypeError) as error:
        cause = f"lacks {error}" if isinstance(error, KeyError) else error
        raise ModelError(f"{path}: not a usable model card ({cause}); see models/README.md") from error
    if sha256_of(model) != card.sha256:
        raise ModelError(
            f"{model}: its SHA-256 is not the one on {path.name}; the file is damaged or another version: copy both again"
        )
    return card


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
    levels = (
        [
            Level(int(level["stride"]), tuple((float(w), float(h)) for w, h in level["sizes"]))
            for level in data["levels"]
        ]
        if raw
        else []
    )
    return DetectorCard(
        outputs=outputs,
        levels=tuple(levels),
        variances=(float(centre), float(size)),
        score_threshold=float(data["score_threshold"]),
        iou_threshold=float(data["iou_threshold"]) if raw else 1.0,
        face_class=int(data.get("face_class", 0)),
        output_names=dict(data.get("output_names", {})),
    )
