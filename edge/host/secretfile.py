"""Files that hold a secret: passwords, tokens, keys. One that others may read or change is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edge.errors import ConfigError

OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""What the mode of a secret file must not allow: any right of others, and writing by its group."""

MOST_BYTES = 2**16
"""A file of secrets has some lines."""


def find_secret(name: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a secret lies: in $CREDENTIALS_DIRECTORY if a file of that name is there, else as a path.

    See systemd.exec(5), LoadCredential. A name with a slash is always a path.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    credential = Path(folder) / name
    return credential if folder and "/" not in name and credential.is_file() else Path(name)


def read_secret(path: Path) -> str:
    """The text of a secret file. Raises ConfigError where it cannot be read, or where others may."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})",
            "check the path, and that it belongs to the program's user",
        ) from error
    if status.st_mode & OTHERS:
        raise ConfigError(f"{path}: other users may read or change it", f"`chmod 600 {path}`")
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES // 2**10} kB, no file of secrets")
    try:
        return data.decode("utf-8")
    except ValueError as error:
        raise ConfigError(f"{path}: not a text ({error})", "write it again") from error
