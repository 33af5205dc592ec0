"""Where this program's own files lie."""

from __future__ import annotations

from pathlib import Path

import edge


def packages_folder() -> Path:
    """The folder that holds the package `edge`.

    A child process has it first in its search path: the working directory may hold another version.
    """
    return Path(edge.__file__).resolve().parent.parent
