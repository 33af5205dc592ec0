"""Annotated copies of pictures, in a folder of their own."""

from __future__ import annotations

import re
from pathlib import Path

from edge.pictures.files import write_new_picture
from edge.types import Pixels

OWN_NAME = re.compile(r".+_annotated(_\d+)?\.jpg", re.S)


class Copies:
    """Writes `NAME_annotated.jpg`, below the folder as the picture lies below the one that was searched.

    A name that is taken gets a number: no file is ever written over.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = 0
        self._resolved = folder.resolve()

    def write(self, file: Path, searched: Path, pixels: Pixels) -> None:
        """Write the copy of one picture.

        pixels: uint8 (H, W, 3) RGB, annotated. searched: the folder in which the file was found, or the file.
        Raises SinkError.
        """
        below = file.parent.relative_to(searched) if file != searched else Path()
        write_new_picture(self.folder / below / f"{file.stem}_annotated.jpg", pixels)
        self.written += 1

    def is_own(self, file: Path) -> bool:
        """Whether a file is such a copy: in a second run they are not annotated again."""
        return OWN_NAME.fullmatch(file.name) is not None and file.resolve().is_relative_to(self._resolved)
