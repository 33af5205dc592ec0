"""OpenCV's cascade as a face detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.errors import MissingLibraryError
from edge.inference.faces import detections_in_frame
from edge.optional import import_cv2
from edge.preprocess import resize
from edge.types import Detection, Frame

CASCADE = "haarcascade_frontalface_default.xml"
CASCADE_FOLDERS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades"))
"""Where Debian puts OpenCV's cascades (package opencv-data); the wheels of PyPI have them in `cv2.data`."""

SIDE_AT_MOST = 640
"""Pixels of the longer side of the picture that the cascade sees."""


class CascadeFaceDetector:
    """OpenCV's frontal Haar cascade (Viola and Jones 2001), for where there is no detector model.

    It loses most masked faces.
    """

    def __init__(self, min_size: int = 48) -> None:
        """min_size: px of the smallest face, in the picture that the cascade sees.

        Raises MissingLibraryError where OpenCV or its cascade file is not installed.
        """
        self._cv2 = import_cv2()
        self._min_size = min_size
        folders = [Path(self._cv2.data.haarcascades)] if hasattr(self._cv2, "data") else []
        paths = [folder / CASCADE for folder in (*folders, *CASCADE_FOLDERS)]
        path = next((path for path in paths if path.is_file()), None)
        if path is None or not hasattr(self._cv2, "CascadeClassifier"):
            raise MissingLibraryError(
                f"OpenCV's {CASCADE} is missing",
                "`sudo apt install opencv-data`, or configure a detector model",
            )
        self._cascade = self._cv2.CascadeClassifier(str(path))

    def detect(self, frame: Frame, threshold: float | None = None) -> list[Detection]:
        height, width = frame.view.shape[:2]
        scale = min(1.0, SIDE_AT_MOST / max(width, height))
        small = resize(frame.view, max(1, round(width * scale)), max(1, round(height * scale)))
        grey = self._cv2.equalizeHist(self._cv2.cvtColor(small, self._cv2.COLOR_RGB2GRAY))
        found, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=4,
            minSize=(self._min_size, self._min_size),
            outputRejectLevels=True,
        )
        if not len(found):
            return []
        corners = np.asarray(found, np.float32)
        corners[:, 2:] += corners[:, :2]
        scores = np.asarray(1 / (1 + np.exp(-np.ravel(weights) / 2)), np.float32)
        kept = scores >= (threshold or 0.0)
        corners, scores = corners[kept], scores[kept]
        return detections_in_frame(corners, scores, small.shape[1], small.shape[0], frame.width, frame.height)
