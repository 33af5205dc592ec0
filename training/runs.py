"""The folder of a training run: what every training writes there and reads back, whatever it trains."""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import DataError, ModelError

if TYPE_CHECKING:
    import keras

MODEL = "model.keras"
"""The trained model. A run that has it is finished."""

CONFIG = "config.json"
"""What the model needs to be used, and what the run needs to be repeated."""

SPLIT = "split.csv"
"""The groups that were held out."""

METRICS = "metrics.json"
"""The figures of each held-out part."""

HISTORY = "history.csv"
"""One line for each epoch; a resumed run adds lines."""

BACKUP = "backup"
"""Folder that an interrupted training goes on from; removed at the end."""


def prepare_folder(out: Path, resume: bool) -> int:
    """Make `--out` ready and return the number of the epoch to begin with.

    Raises DataError instead of overwriting an earlier run, and if there is nothing to resume.
    """
    backup = out / BACKUP / "training_metadata.json"
    if (out / MODEL).is_file():
        raise DataError(
            f"{out}: this training is finished",
            f"go on from it with --start-from {out / MODEL} and another --out",
        )
    if resume:
        if not backup.is_file():
            raise DataError(f"{out}: nothing to resume there", "leave --resume out to begin again")
        return int(json.loads(backup.read_text(encoding="utf-8"))["epoch"])
    if read_history(out / HISTORY):
        raise DataError(
            f"{out}: holds an interrupted run", "add --resume to go on with it, or choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    return 0


def read_history(path: Path) -> dict[str, list[float]]:
    """The columns of the epoch log, with the epochs of all resumed parts; empty if there is no log yet."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {key: [float(row[key]) for row in rows] for key in (rows[0] if rows else {})}


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write one JSON object, indented, for people and machines."""
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def read_config(run: Path) -> dict[str, Any]:
    """`config.json` of a run. Raises ModelError if it is missing or damaged."""
    path = run / CONFIG
    if not path.is_file():
        raise ModelError(
            f"{path}: missing", f"keep {MODEL} in its run folder, whose {CONFIG} has its labels or anchors"
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error})", "copy the run folder again") from error
    return config


def load_keras_model(path: Path) -> keras.Model:
    """A `.keras` file. Raises ModelError if it cannot be read."""
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a Keras model ({reason})", f"give RUN/{MODEL}") from error


def start_from(model: keras.Model, path: Path, kind: str) -> None:
    """Give a model all weights of an earlier run's model or of a converted int8 file, of any input size.

    kind: which model would fit, for the error message. Raises DataError if this one does not.
    """
    import keras

    from training.backbones.unfold import take_folded_weights

    if path.suffix == ".tflite":
        take_folded_weights(model, path)
        return
    try:
        model.set_weights(keras.models.load_model(path, compile=False).get_weights())
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot start from it ({reason})", f"give a {MODEL} {kind}") from error


def recorded_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """A command's arguments for `config.json`: all that is needed to repeat the run."""
    return {
        key: _plain(value) for key, value in sorted(vars(arguments).items()) if key not in ("debug", "resume")
    }


def _plain(value: object) -> object:
    """A value for JSON. Paths become their last part: a record must not tell where files lay on a machine."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float) and math.isinf(value):
        return None  # JSON has no infinity
    return [_plain(item) for item in value] if isinstance(value, list) else value
