"""Files that are whole or not there: written under another name beside their place, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".mask-edge-"
"""What the name of an unfinished file begins with."""


def write_whole(path: Path, data: bytes, overwrite: bool = True) -> None:
    """Write a file so that nobody ever sees a part of it; makes its folder.

    A write that fails leaves nothing behind.
    Raises OSError; FileExistsError where the file is there already and must not be overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path.parent) as unfinished:
        unfinished.write_bytes(data)
        if overwrite:
            unfinished.replace(path)
        else:
            _name_new(unfinished, path)


def write_new(path: Path, data: bytes) -> Path:
    """Write a file beside all that is there: a name that is taken gets a number. Returns the path written.

    Raises OSError.
    """
    number, free = 1, path
    while True:
        try:
            write_whole(free, data, overwrite=False)
            return free
        except FileExistsError:
            number += 1
            free = path.with_name(f"{path.stem}_{number}{path.suffix}")


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A name in the folder for a file that is still being written; whatever is left there goes at the end."""
    path = folder / f"{PREFIX}{secrets.token_hex(8)}.part"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _name_new(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, unless that name is taken: then FileExistsError."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:  # no links on FAT, as memory cards have it
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        unfinished.replace(path)
