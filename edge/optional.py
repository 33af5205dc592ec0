"""Libraries that may be missing: imported only where needed; a missing one is an error with its cure."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, cast

from edge.errors import MissingLibraryError

if TYPE_CHECKING:
    from types import ModuleType

MAX_PIXELS = 100_000_000
"""The most pixels of a picture that OpenCV may decode. OpenCV reads it once, when it is imported."""


def import_cv2() -> ModuleType:
    """OpenCV. Raises MissingLibraryError, which names its package."""
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # our own errors say it, with the file's name
    try:
        import cv2
    except ImportError as error:
        raise MissingLibraryError(
            f"OpenCV is missing ({error})",
            "on a Pi `sudo apt install python3-opencv`, elsewhere `pip install opencv-python-headless`",
        ) from error
    return cv2


def import_simplejpeg() -> ModuleType | None:
    """The strict JPEG decoder, or None where it is missing: then other signs tell a damaged JPEG."""
    try:
        import simplejpeg
    except (ImportError, ValueError):  # ValueError: built for another numpy
        return None
    return cast("ModuleType", simplejpeg)


def installed(module: str) -> bool:
    """Whether a module can be found. It is not imported, but the package that holds it may be."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
