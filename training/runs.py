"""What every training run writes and reads back, whatever it trains."""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any


def read_history(path: Path) -> dict[str, list[float]]:
    """Columns of the epoch log, over all its resumed parts; empty where there is none yet."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {key: [float(row[key]) for row in rows] for key in (rows[0] if rows else {})}


def recorded_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """A command's arguments for `config.json`: all that is needed to repeat the run."""
    return {key: _plain(value) for key, value in sorted(vars(arguments).items()) if key not in ("debug", "resume")}


def _plain(value: object) -> object:
    """Paths by their name alone: a run's record should not tell where on whose machine it lay."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float) and math.isinf(value):
        return None  # JSON has no infinity
    return [_plain(item) for item in value] if isinstance(value, list) else value
