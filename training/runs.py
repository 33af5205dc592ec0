"""What every training run writes and reads back, whatever it trains."""

from __future__ import annotations

import argparse
import csv
import json
import math
from pathlib import Path
from typing import Any

import keras

from edge.errors import DataError
from training.backbones.unfold import take_folded_weights

BACKUP, HISTORY = "backup", "history.csv"
"""In a run's folder: what an interrupted training goes on from, and the epoch log."""


def prepare_folder(out: Path, resume: bool) -> int:
    """Make `--out` ready and return the epoch to start with. Raises DataError rather than overwrite an earlier run."""
    backup, finished = out / BACKUP / "training_metadata.json", (out / "model.keras").is_file()
    if finished:
        raise DataError(
            f"{out}: this training is finished; go on from it with --start-from {out / 'model.keras'} and another --out"
        )
    if resume and not backup.is_file():
        raise DataError(f"{out}: nothing to resume there; leave --resume out to start anew")
    if resume:
        return int(json.loads(backup.read_text(encoding="utf-8"))["epoch"])
    if read_history(out / HISTORY):
        raise DataError(
            f"{out}: holds an interrupted run; add --resume to go on with it, or choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    return 0


def read_history(path: Path) -> dict[str, list[float]]:
    """Columns of the epoch log, over all its resumed parts; empty where there is none yet."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {key: [float(row[key]) for row in rows] for key in (rows[0] if rows else {})}


def start_from(model: keras.Model, path: Path, kind: str) -> None:
    """Take all weights of an earlier run or of a converted int8 file, of any input size. kind: for the DataError, which model would fit."""
    if path.suffix == ".tflite":
        take_folded_weights(model, path)
        return
    try:
        model.set_weights(keras.models.load_model(path, compile=False).get_weights())
    except (ValueError, OSError) as error:
        raise DataError(
            f"{path}: cannot start from it ({str(error).splitlines()[0]}); it needs a model.keras {kind}"
        ) from error


def recorded_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """A command's arguments for `config.json`: all that is needed to repeat the run."""
    return {
        key: _plain(value) for key, value in sorted(vars(arguments).items()) if key not in ("debug", "resume")
    }


def _plain(value: object) -> object:
    """Paths by their name alone: a run's record should not tell where on whose machine it lay."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float) and math.isinf(value):
        return None  # JSON has no infinity
    return [_plain(item) for item in value] if isinstance(value, list) else value
