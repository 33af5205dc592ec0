"""Picture files and folders as a source."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from edge.errors import PictureError, SourceError
from edge.pictures import find_pictures, read_picture
from edge.sources.base import ContextMixin
from edge.types import Frame

log = logging.getLogger(__name__)

SECONDS_A_PICTURE = 1.0
"""The pretended time between two pictures: unrelated pictures should not be smoothed into one another."""


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as all pictures below them. Raises SourceError for a missing path or a folder without pictures."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = find_pictures(path)
            if not found:
                raise SourceError(f"{path}: the folder holds no pictures (.jpg, .png, .bmp, .webp, .tif)")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise SourceError(f"{path}: no such file or folder; check the path")
    return files


class PictureSource(ContextMixin):
    """One picture or all pictures of a folder, in order. Unreadable ones are named, counted in `skipped`, and left out."""

    live = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.skipped = 0
        self._files = list_pictures([path])
        self._next = 0

    @property
    def finished(self) -> bool:
        return self._next >= len(self._files)

    def read(self, timeout: float) -> Frame | None:
        while not self.finished:
            index = self._next
            self._next += 1
            try:
                pixels = read_picture(self._files[index])
            except PictureError as error:
                self.skipped += 1
                log.warning("skipped: %s", error)
                continue
            return Frame(pixels, index, index * SECONDS_A_PICTURE, self.name, file=str(self._files[index]))
        if self.skipped == len(self._files):
            raise SourceError(f"{self.name}: none of its {len(self._files)} pictures can be read")
        return None

    def close(self) -> None:
        self._next = len(self._files)
