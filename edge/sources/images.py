"""Picture files and folders as a source."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.errors import PictureError, SourceError, printable
from edge.pictures.files import read_picture
from edge.pictures.folders import Found, search
from edge.sources.base import SourceDefaults
from edge.types import Frame

log = logging.getLogger(__name__)

FRAMES_A_PICTURE, STEP_S, SECONDS_A_PICTURE = 8, 0.25, 5.0
"""Each picture is shown like a person who stands before the door for two seconds, so that it gets a decision.

The pause behind it is longer than a track lives, so that two pictures are not taken for one scene.
"""


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as all pictures below them.

    Raises SourceError for what is missing, forbidden, or a folder without pictures.
    """
    return [file for path in paths for file in look_for_pictures(path).pictures]


def look_for_pictures(path: Path, is_own: Callable[[Path], bool] = lambda path: False) -> Found:
    """A file as it is, of a folder all pictures below it. is_own: see `edge.pictures.folders.search`.

    Raises SourceError where it is missing or forbidden, or a folder without pictures.
    """
    name = printable(path)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise SourceError(f"{name}: no such file or folder", "check the path") from None
    except OSError as error:
        raise SourceError(
            f"{name}: cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error
    except ValueError:
        raise SourceError(f"{name}: no file has such a name", "check the path") from None
    return _pictures_below(path, is_own) if is_folder else Found([path])


def _pictures_below(folder: Path, is_own: Callable[[Path], bool]) -> Found:
    name = printable(folder)
    if not os.access(folder, os.R_OK | os.X_OK):  # else it would look like an empty one
        raise SourceError(
            f"{name}: no permission to look into this folder", f"`ls -ld {name}` shows whose it is"
        )
    found = search(folder, is_own)
    if not found.pictures:
        rest = f"; {found.words()}" if found.left_out else ""
        raise SourceError(
            f"{name}: the folder holds no pictures that are read (.jpg, .png, .bmp, .webp, .tif){rest}",
            "save HEIC and other kinds as JPEG" if found.unread else "check the path",
        )
    return found


class PictureSource(SourceDefaults):
    """One picture or all pictures of a folder, in order, each as FRAMES_A_PICTURE frames of pretended time.

    Unreadable ones are named in the log, counted in `skipped`, and left out.
    """

    live = False

    skipped: int
    """Pictures that could not be read so far, and what a folder holds beside them that may be one."""

    def __init__(self, path: Path) -> None:
        self.name = printable(path)
        found = look_for_pictures(path)
        if found.left_out:
            log.warning("%s: %s", self.name, found.words())
        self._files, self.skipped, self._unreadable = found.pictures, found.unread, 0
        self._next = 0
        self._shown: list[Frame] = []  # the frames of the present picture that are still to come
        self._index = 0

    @property
    def finished(self) -> bool:
        return not self._shown and self._next >= len(self._files)

    def read(self, timeout: float) -> Frame | None:
        while not self._shown and self._next < len(self._files):
            self._load_next()
        if self._shown:
            return self._shown.pop(0)
        if self._unreadable == len(self._files):
            raise SourceError(
                f"{self.name}: none of its {len(self._files)} pictures can be read",
                "the lines above say why for each",
            )
        return None

    def _load_next(self) -> None:
        number, file = self._next, self._files[self._next]
        self._next += 1
        try:
            pixels = read_picture(file)
        except PictureError as error:
            self.skipped += 1
            self._unreadable += 1
            log.warning("skipped: %s", error)
            return
        for repeat in range(FRAMES_A_PICTURE):
            at = number * SECONDS_A_PICTURE + repeat * STEP_S
            self._shown.append(Frame(pixels, self._index, at, self.name, file=str(file)))
            self._index += 1

    def close(self) -> None:
        self._next = len(self._files)
        self._shown = []
