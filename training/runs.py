"""The folder of a training run: what every training writes there and reads back, whatever it trains."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import DataError, ModelError
from training.datasets.jsonfiles import read_json
from training.datasets.tables import read_table

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

REQUEST = "resume.json"
"""What an unfinished training was asked for: `--resume` must ask for the same. Removed at the end."""

MAY_CHANGE = {"out", "epochs", "minutes", "patience"}
"""Arguments that a resumed training may have otherwise."""

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
        return _epoch_of(backup)
    if read_history(out / HISTORY):
        raise DataError(
            f"{out}: holds an interrupted run", "add --resume to go on with it, or choose another --out"
        )
    out.mkdir(parents=True, exist_ok=True)
    return 0


def _epoch_of(backup: Path) -> int:
    """The epoch that a backup goes on with. Raises DataError if the backup is damaged."""
    cure = "the backup is damaged: begin again with another --out"
    metadata = read_json(backup, cure)
    epoch = metadata.get("epoch") if isinstance(metadata, dict) else None
    if not isinstance(epoch, int) or epoch < 0:
        raise DataError(f"{backup}: names no epoch", cure)
    return epoch


def what_is_kept(arguments: argparse.Namespace) -> str:
    """What an interrupted training leaves, and what to do next, for a person."""
    out: Path = arguments.out
    if (out / MODEL).is_file():
        return f"{out / MODEL} is trained; its figures may be missing"
    backup = out / BACKUP / "training_metadata.json"
    if not backup.is_file():
        return "no epoch was finished: begin again"
    return f"{_epoch_of(backup)} epochs are kept in {out}: go on with the same command and --resume"


def check_request(arguments: argparse.Namespace, facts: Mapping[str, Any] | None = None) -> None:
    """See that a resumed training is asked for the same as before, and note what a new one is asked for.

    facts: what is known of the data; None before they are read. Raises DataError for other arguments or data.
    """
    path = arguments.out / REQUEST
    asked = json.loads(json.dumps(recorded_arguments(arguments) | dict(facts or {})))
    if not arguments.resume:
        if facts is not None:
            write_json(path, asked)
        return
    before = read_json(path) if path.is_file() else {}
    for key in sorted(asked.keys() - MAY_CHANGE):
        if isinstance(before, dict) and key in before and before[key] != asked[key]:
            raise DataError(
                f"{arguments.out}: the interrupted training had {key} {before[key]}, now it is {asked[key]}",
                "resume with the same data and arguments, or begin again with another --out",
            )


def read_history(path: Path) -> dict[str, list[float]]:
    """The columns of the epoch log, with the epochs of all resumed parts; empty if there is no log yet."""
    if not path.is_file():
        return {}
    rows = read_table(path, (), "begin again with another --out", "epoch log")
    names = list(rows[0].cells) if rows else []
    values = [row.numbers(names) or () for row in rows]
    return {name: [row[i] for row in values] for i, name in enumerate(names)}


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
    config = read_json(path, "copy the run folder again", ModelError)
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object", "copy the run folder again")
    return RunConfig(path, config)


class RunConfig(dict[str, Any]):
    """The entries of a run's `config.json`. One that is missing is a ModelError, not a KeyError."""

    def __init__(self, path: Path, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self._path = path

    def __missing__(self, key: str) -> Any:
        raise ModelError(f"{self._path}: has no entry {key}", "copy the run folder again")


def model_file(path: Path) -> Path:
    """The model of a run, whether its folder or the model itself is named. Other paths stay as they are."""
    return path / MODEL if path.is_dir() else path


def run_folder(path: Path) -> Path:
    """The folder of a run, whether it or its model is named. Other paths stay as they are."""
    return path.parent if path.name == MODEL and path.is_file() else path


def load_keras_model(path: Path) -> keras.Model:
    """A `.keras` file. Raises ModelError if it cannot be read."""
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # a damaged archive fails in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
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
    except Exception as error:  # a damaged archive fails in many ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
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
