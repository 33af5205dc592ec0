"""Checks of a command's folders and files before its long work begins."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.errors import DataError
from training.backbones.table import IMAGENET, NO_WEIGHTS
from training.datasets.yunet import WHERE_FROM

FOLDERS = ("data", "faces", "background", "test_data")
"""Arguments that are lists of folders."""

FILES = ("split", "exclude", "start_from", "notes")
"""Arguments that are files."""

YUNET = ("teacher", "landmarks")
"""Arguments that are YuNet's file."""

OUTPUTS = ("out", "report")
"""Arguments that are written."""


def check_paths(arguments: argparse.Namespace) -> None:
    """Raise DataError for a folder or file that is missing, and for an output that is also an input."""
    folders = [folder for name in FOLDERS for folder in getattr(arguments, name, None) or ()]
    for name in FOLDERS:
        for folder in getattr(arguments, name, None) or ():
            if not folder.is_dir():
                kind = "not a folder" if folder.exists() else "no such folder"
                raise DataError(f"{folder}: {kind}", f"correct {_flag(name)}")
    for name in (*FILES, *YUNET, "weights"):
        path = getattr(arguments, name, None)
        if path is None or str(path) in (IMAGENET, NO_WEIGHTS) or Path(path).is_file():
            continue
        cure = WHERE_FROM if name in YUNET else f"correct {_flag(name)}"
        raise DataError(f"{path}: no such file", f"{cure}, or leave {_flag(name)} out")
    for name in OUTPUTS:
        path = getattr(arguments, name, None)
        if path is not None and path.resolve() in [folder.resolve() for folder in folders]:
            raise DataError(f"{path}: is also a folder of pictures", f"choose another {_flag(name)}")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
