"""Libraries that may be missing: imported only where needed; a missing one is an error with its cure."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from edge.errors import MissingLibraryError

if TYPE_CHECKING:
    from types import ModuleType


def import_cv2() -> ModuleType:
    """OpenCV. Raises MissingLibraryError, which names its package."""
    try:
        import cv2
    except ImportError as error:
        raise MissingLibraryError(
            f"OpenCV is missing ({error})",
            "on a Pi `sudo apt install python3-opencv`, elsewhere `pip install opencv-python-headless`",
        ) from error
    return cv2


def installed(module: str) -> bool:
    """Whether a module can be found. It is not imported, but the package that holds it may be."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
