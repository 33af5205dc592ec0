"""Picture files below a folder, and a word about everything else that lies there."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edge.errors import printable
from edge.pictures.files import open_file
from edge.pictures.kinds import HEAD, OTHER_SUFFIXES, READ, SUFFIXES, kind_of

log = logging.getLogger(__name__)


class Reason(NamedTuple):
    """Why something in a folder was not looked at."""

    one: str
    """Words that follow a 1."""
    many: str
    """Words that follow another number."""
    unread: bool = False
    """Whether it is, or may well be, a picture: who asked for all of a folder did not get it."""
    names: bool = False
    """Whether its name is said."""


HIDDEN = Reason("hidden", "hidden")
NO_PICTURE = Reason("without a picture in it", "without a picture in them")
NO_FILE = Reason("pipe, socket or device", "pipes, sockets or devices")
SEEN_BEFORE = Reason("link to a folder looked at before", "links to folders looked at before")
OWN_OUTPUT = Reason("annotated before", "annotated before")
NO_PERMISSION = Reason("file without permission", "files without permission", unread=True, names=True)
CLOSED_FOLDER = Reason("sub-folder without permission", "sub-folders without permission", True, True)
BROKEN_LINK = Reason("link that leads nowhere", "links that lead nowhere", unread=True, names=True)


@dataclass(slots=True)
class Found:
    """What a search found below one folder."""

    pictures: list[Path] = field(default_factory=list)
    """In a stable order."""
    left_out: dict[Reason, list[Path]] = field(default_factory=dict)
    """Files and sub-folders that were not looked at."""

    def leave_out(self, path: Path, reason: Reason) -> None:
        """Note one file or folder that was not looked at."""
        self.left_out.setdefault(reason, []).append(path)

    @property
    def unread(self) -> int:
        """How many of those left out are, or may be, pictures."""
        return sum(len(paths) for reason, paths in self.left_out.items() if reason.unread)

    def words(self) -> str:
        """`6 files left out: 3 .heic, 2 without a picture in them, 1 hidden`; empty if nothing was."""
        if not self.left_out:
            return ""
        reasons = sorted(self.left_out.items(), key=lambda item: -len(item[1]))
        total = sum(len(paths) for _, paths in reasons)
        parts = ", ".join(_part(reason, paths) for reason, paths in reasons)
        return f"{total} {'file' if total == 1 else 'files'} left out: {parts}"


def _part(reason: Reason, paths: list[Path]) -> str:
    words = reason.one if len(paths) == 1 else reason.many
    name = f" ({printable(paths[0])}{', ...' if len(paths) > 1 else ''})" if reason.names else ""
    return f"{len(paths)} {words}{name}"


def find_pictures(folder: Path) -> list[Path]:
    """All picture files below a folder, in a stable order. What is left out is counted and logged."""
    found = search(folder)
    if found.left_out:
        log.warning("%s: %s", printable(folder), found.words())
    return found.pictures


def search(folder: Path, is_own: Callable[[Path], bool] = lambda path: False) -> Found:
    """Look through a folder and all below it. Links are followed, but no folder is looked at twice.

    A picture is what has a picture's suffix, or a picture's first bytes. is_own: whether a file is this
    program's own output, which is left out.
    """
    return _Search(is_own).through(folder)


class _Search:
    """One search. Links to folders come last: so a folder is found by its own name first."""

    def __init__(self, is_own: Callable[[Path], bool]) -> None:
        self._found, self._is_own = Found(), is_own
        self._seen: set[tuple[int, int]] = set()
        self._folders: list[Path] = []
        self._links: list[Path] = []

    def through(self, folder: Path) -> Found:
        self._folders.append(folder)
        while self._folders or self._links:
            self._look_into(self._folders.pop() if self._folders else self._links.pop(0))
        self._found.pictures.sort()
        return self._found

    def _look_into(self, folder: Path) -> None:
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._seen:
                self._found.leave_out(folder, SEEN_BEFORE)
                return
            self._seen.add((status.st_dev, status.st_ino))
            entries = list(_entries(folder))
        except OSError:
            self._found.leave_out(folder, CLOSED_FOLDER)
            return
        for path, is_folder, is_link in entries:
            if path.name.startswith("."):
                self._found.leave_out(path, HIDDEN)
            elif is_folder:
                (self._links if is_link else self._folders).append(path)
            else:
                self._look_at(path)

    def _look_at(self, path: Path) -> None:
        reason = OWN_OUTPUT if self._is_own(path) else _why_not(path)
        if reason is None:
            self._found.pictures.append(path)
        else:
            self._found.leave_out(path, reason)


def _entries(folder: Path) -> Iterator[tuple[Path, bool, bool]]:
    """Path, whether it is a folder or a link to one, whether it is a link."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            try:
                yield folder / entry.name, entry.is_dir(), entry.is_symlink()
            except OSError:  # links in a circle
                yield folder / entry.name, False, True


def _why_not(path: Path) -> Reason | None:
    """Why a file is left out; None for a picture."""
    suffix = path.suffix.lower()
    try:
        if suffix in SUFFIXES and path.is_file():
            return None
        with open_file(path) as file:
            kind = kind_of(file.read(HEAD))
    except PermissionError:
        return NO_PERMISSION
    except OSError:
        return NO_FILE if path.exists() else BROKEN_LINK
    if kind in READ:
        return None
    if suffix in OTHER_SUFFIXES:
        return Reason(suffix, suffix, unread=True)
    return Reason(kind, kind, unread=True) if kind else NO_PICTURE
