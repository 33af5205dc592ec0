"""Names out of data files: a path never leaves its folder, a name of a source is only a name."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from edge.errors import DataError

INSIDE = "write it relative to the folder of the list, without .., and keep the picture itself in there"
"""What to do about a path that leads out."""

LONGEST = 200
"""Characters of a name out of a data file that a message repeats at most."""


def place_inside(folder: Path, name: str, where: str) -> Path:
    """The file that a data file names, below the folder of that data file.

    name: relative, with / or \\ between its parts. where: file and line or entry, for the error message.
    Raises DataError for an empty name, one that cannot be a file's, an absolute path, `..`, and a link that
    leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if not parts.name:
        raise DataError(f"{where}: it names no picture file", "give the file's path within the folder")
    if not _can_be_written(parts):
        raise DataError(f"{where}: {shown(name)} cannot be a file's path", "correct the name")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise DataError(f"{where}: {shown(name)} has a control character in it", "rename the file")
    if parts.is_absolute() or PureWindowsPath(name).drive or ".." in parts.parts:
        raise DataError(f"{where}: {shown(name)} leads out of {folder}", INSIDE)
    path = folder / parts
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a name that is too long, a circle of links
        raise DataError(f"{where}: {shown(name)} cannot be a file's path", "correct the name") from error
    if not inside:
        raise DataError(f"{where}: {shown(name)} is a link that leads out of {folder}", INSIDE)
    return path


def _can_be_written(path: PurePosixPath) -> bool:
    """Whether a file system takes the path: not too long, and no half of a letter of UTF-16."""
    try:
        return len(os.fsencode(path)) < 4000 and all(len(os.fsencode(part)) < 256 for part in path.parts)
    except UnicodeEncodeError:
        return False


def check_source(name: str, where: str) -> str:
    """The name of a source, which becomes part of file names. Raises DataError if it has parts of a path."""
    if "/" in name or "\\" in name or ".." in name or not name.isprintable():
        raise DataError(f"{where}: the source {shown(name)} is not a plain name", "leave out / \\ and ..")
    return name


def folder_name(folder: Path) -> str:
    """The last part of a folder's path, also of `.`, which has none itself."""
    return plain(folder.name or folder.resolve().name or "root")


def plain(text: str) -> str:
    """A text that can be written as UTF-8: a byte of a file's name that is no UTF-8 becomes `\\udc..`."""
    return text.encode("utf-8", "backslashreplace").decode()


def file_part(text: str) -> str:
    """A text as a part of a file's name: letters, digits, `-`, `_`, and `.` inside; 80 characters at most."""
    return re.sub(r"[^\w.-]", "_", text)[:80].strip(".") or "_"


def shown(name: str) -> str:
    """A name out of a data file for a message: in quotes, without control characters, not too long."""
    text = repr(name)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
