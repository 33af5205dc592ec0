"""Writes a model's card from its run, its file and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.errors import DataError, ModelError
from edge.inference.card import FORMAT, OWN_HASH, card_path, own_sha256, sha256_of
from edge.inference.interpreter import import_runtime
from edge.preprocess import MEAN, STD
from training.datasets.jsonfiles import read_json
from training.runs import CONFIG, MODEL, read_config

INTENDED_USE = (
    "Reminding people at a door to put their mask on, with a person responsible nearby. Not for "
    "surveillance, identification, punishment, or any use where a mistake harms somebody."
)
LIMITS = (
    "Trained mostly on press and stock photographs by day; expect more mistakes in the dark, in motion "
    "blur, on faces under 24 px, in full profile, and on coverings that are no masks (scarves, hands, "
    "visors). How well it does on each age, skin colour or dress was not measured."
)

MEASURED = ("metrics", "training", "quantisation")
"""Entries that only a conversion writes: never taken from an earlier card."""


def input_entry(model: Path) -> dict[str, Any]:
    """Size, colour order and quantisation of a model's input, read from the file."""
    interpreter = import_runtime().module.Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    scale, zero_point = detail["quantization"]
    _, height, width, _ = (int(n) for n in detail["shape"])
    return {
        "width": width,
        "height": height,
        "colour": "RGB",
        "mean": MEAN,
        "std": STD,
        "dtype": detail["dtype"].__name__,
        "scale": float(scale),
        "zero_point": int(zero_point),
    }


def base_card(model: Path, task: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    """What every card holds.

    notes: more entries for people, such as `training_data` and `licence`. They do not replace what is
    measured.
    """
    return {
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        **notes,
        "format": FORMAT,
        "name": model.stem,
        "task": task,
        "sha256": sha256_of(model),
        "bytes": model.stat().st_size,
        "created": today(),
        "input": input_entry(model),
    }


def today() -> str:
    """The date in UTC, such as 2026-11-25."""
    return datetime.now(UTC).date().isoformat()


def write_card(model: Path, card: Mapping[str, Any]) -> Path:
    """Write the card beside its model, with a hash of the card itself; returns its path."""
    path = card_path(model)
    first = ("format", "name", "task", "sha256", OWN_HASH, "bytes", "created", "input")
    content = {**card, OWN_HASH: own_sha256(json.loads(json.dumps(card)))}
    ordered = {key: content[key] for key in first}
    ordered |= {key: value for key, value in content.items() if key not in first}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def names_of(folders: Sequence[Path]) -> list[str]:
    """Folders by their last part: a card must not tell where files lay on a machine."""
    return [folder.name for folder in folders]


def read_run(run: Path) -> dict[str, Any]:
    """`config.json` of a finished training run. Raises ModelError."""
    if not (run / CONFIG).is_file() or not (run / MODEL).is_file():
        raise ModelError(
            f"{run}: no {MODEL} and {CONFIG} there", "give the --out folder of a finished training"
        )
    return read_config(run)


def read_notes(path: Path | None) -> dict[str, Any]:
    """A JSON object for the card. Raises DataError.

    It can be an earlier card. Then only what a person wrote is taken.
    """
    if path is None:
        return {}
    notes = read_json(path, "correct --notes")
    if not isinstance(notes, dict):
        raise DataError(
            f"{path}: not a JSON object", 'write it as {"training_data": "...", "licence": "..."}'
        )
    return {key: value for key, value in notes.items() if key not in MEASURED}
