"""Model cards: the JSON file beside each model that says what it is. No model runs without a fitting card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ModelError
from edge.host.installation import STATE, hidden_from_service, in_service
from edge.inference.card_fields import CardError, Fields, pair
from edge.preprocess import CROP_MARGIN, MEAN, STD
from edge.regular import read_regular
from edge.types import Label

FORMAT = 1
"""The version of the cards' form that is read here."""

OWN_HASH = "card_sha256"
"""A card's key that holds the SHA-256 of its other content; checked where it is there."""

MOST_CARD_BYTES, MOST_MODEL_BYTES = 2**20, 2**29
SIDE = (8, 4096)
"""Pixels of an input picture's side."""

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


def own_sha256(card: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a card's content without `card_sha256`; order and layout do not count."""
    content = {key: value for key, value in card.items() if key != OWN_HASH}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def load_card(model: Path | str) -> ModelCard:
    """Read and check the card of a model file.

    Raises ModelError, which names the file, what is wrong, and what to do.
    """
    model = Path(model)
    content = _content(model, MOST_MODEL_BYTES, _advice(model))
    if content is None:
        raise ModelError(f"{model}: no such model", _advice(model) or "give the path of a .tflite file")
    if content[4:8] != b"TFL3":
        raise ModelError(f"{model}: not a TFLite file", "make one with `python -m convert.quantize`")
    path = card_path(model)
    text = _content(path, MOST_CARD_BYTES, _advice(path))
    if text is None:
        raise ModelError(
            f"{model}: its card {path.name} is missing",
            "copy both files, or write a card as models/README.md shows",
        )
    card = _read(model, path, text)
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{model}: its SHA-256 is not the one on {path.name}", COPY_AGAIN)
    return card


def _content(path: Path, most_bytes: int, advice: str) -> bytes | None:
    """A file's bytes; None where there is no file. Raises ModelError."""
    try:
        return read_regular(path, most_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        cure = advice or "check the path, and who may read it"
        raise ModelError(f"{path}: cannot be read ({why})", cure) from error


def _advice(path: Path) -> str:
    """What to do about a file that the service does not see; empty where this is no matter of its sandbox."""
    hidden = hidden_from_service(path) if in_service() else None
    return f"the service sees nothing in {hidden}: copy model and card to /{STATE}" if hidden else ""


def _read(model: Path, path: Path, text: bytes) -> ModelCard:
    try:
        return _parse(model, Fields.parse(text.decode("utf-8-sig")))
    except ValueError as error:
        raise ModelError(f"{path}: not a usable model card ({error})", "see models/README.md") from error


def _parse(model: Path, data: Fields) -> ModelCard:
    if data.value("format") != FORMAT:
        raise CardError(f"format {data.value('format')!r:.20}, this version reads {FORMAT}")
    if OWN_HASH in data and data.sha256(OWN_HASH) != own_sha256(data.data):
        raise CardError(f"it was changed after it was written; if you meant to, take {OWN_HASH} out of it")
    entry = data.table("input")
    if (entry.value("colour"), entry.value("mean"), entry.value("std")) != ("RGB", MEAN, STD):
        raise CardError(f"input must be RGB with mean {MEAN} and std {STD}")
    task = data.text("task")
    if task not in ("classification", "detection"):
        raise CardError(f"task {task!r} is neither classification nor detection")
    return ModelCard(
        path=model,
        name=data.text("name"),
        task=task,
        sha256=data.sha256("sha256"),
        width=entry.whole("width", *SIDE),
        height=entry.whole("height", *SIDE),
        labels=_parse_labels(data) if task == "classification" else (),
        crop_margin=data.number("crop_margin", 0, 1, CROP_MARGIN),
        detector=_parse_detector(data.table("detector")) if task == "detection" else None,
        compiled_from=data.table("edgetpu").sha256("source_sha256") if "edgetpu" in data else "",
    )


def _parse_labels(data: Fields) -> tuple[Label, ...]:
    """A classifier that cannot tell a mask from none, or whose labels repeat, must open no door."""
    names = list(data.rows("labels"))
    known = [label for label in Label if label is not Label.UNKNOWN]
    if Label.UNKNOWN in names:
        raise CardError(f"labels: {Label.UNKNOWN} is no class of a model")
    odd = [name for name in names if name not in known]
    if odd:
        raise CardError(f"labels: {odd[0]!r:.40} is none of {', '.join(known)}")
    if len(set(names)) < len(names):
        raise CardError("labels: one is there twice")
    missing = [label for label in (Label.WITH_MASK, Label.WITHOUT_MASK) if label not in names]
    if missing:
        raise CardError(f"labels lack {' and '.join(missing)}")
    return tuple(Label(name) for name in names)


def _parse_detector(data: Fields) -> DetectorCard:
    outputs = data.text("outputs")
    if outputs not in ("raw", "postprocessed"):
        raise CardError(f"detector outputs {outputs!r} are neither raw nor postprocessed")
    raw = outputs == "raw"
    levels = tuple(_parse_level(level) for level in data.tables("levels", 16)) if raw else ()
    if raw and not levels:
        raise CardError("a raw detector needs a level")
    return DetectorCard(
        outputs=outputs,
        levels=levels,
        variances=data.pair("variances", SMALLEST, 10) if raw else (1.0, 1.0),
        score_threshold=data.number("score_threshold", 0, 1),
        iou_threshold=data.number("iou_threshold", 0, 1) if raw else 1.0,
        face_class=data.whole("face_class", 0, 10_000) if "face_class" in data else 0,
        output_names=data.names("output_names", ("boxes", "classes", "scores", "count")),
    )


def _parse_level(data: Fields) -> Level:
    sizes = tuple(pair(size, SMALLEST, 4 * SIDE[1], f"{data.where}sizes") for size in data.rows("sizes"))
    if not sizes:
        raise CardError("a level needs an anchor size")
    return Level(data.whole("stride", 1, SIDE[1]), sizes)
