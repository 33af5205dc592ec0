"""Reading JSON files that other people and programs wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge.errors import DataError, MaskEdgeError
from training.datasets.tables import read_limited


def read_json(
    path: Path, cure: str = "correct it, or copy it again", error: type[MaskEdgeError] = DataError
) -> Any:
    """What a JSON file holds, in UTF-8, UTF-16 or UTF-32.

    cure: what to do about a file that holds no JSON. error: the class to raise. Raises it, with the file and
    the cause, for a file that is missing, too large, not JSON, or nested deeper than Python can follow.
    """
    data = read_limited(path, cure, error)
    try:
        return json.loads(data)
    except RecursionError as cause:
        raise error(f"{path}: not usable JSON (it is nested too deeply)", cure) from cause
    except ValueError as cause:  # also text that is not UTF-8, and numbers of thousands of digits
        raise error(f"{path}: not JSON ({_reason(cause)})", cure) from cause


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not {error.encoding.upper()}"
    return str(error).splitlines()[0]
