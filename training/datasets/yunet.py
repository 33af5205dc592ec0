"""OpenCV's face detector YuNet (Wu et al. 2023), which gives boxes, five landmarks and a score.

Its file, face_detection_yunet_*.onnx, is in OpenCV's model zoo (MIT licence).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.errors import DataError
from edge.optional import import_cv2
from edge.preprocess import resize
from edge.types import Pixels

Floats = npt.NDArray[np.float32]

WHERE_FROM = (
    "get face_detection_yunet_2023mar.onnx from OpenCV's model zoo: "
    "github.com/opencv/opencv_zoo, folder models/face_detection_yunet"
)
"""What to do about a missing file."""

LEAST_SIDE = 8
"""Pictures are not shrunk below this side, px."""

OVERLAP = 0.3
"""IoU from which two detections are one face."""


class Network(Protocol):
    """What we use of `cv2.FaceDetectorYN`."""

    def setInputSize(self, size: tuple[int, int]) -> Any:
        """Width and height px of the next picture."""

    def detect(self, picture: Pixels) -> tuple[int, npt.NDArray[Any] | None]:
        """Faces of a BGR picture, float32 (N, 15), or None."""


class YuNet:
    """Finds faces in pictures of any size.

    network: loaded, with its limits set. margin: px of border that every picture gets, so that faces which
    fill the picture are found.
    """

    def __init__(self, network: Network, margin: int) -> None:
        self._network, self._margin = network, margin

    def find(self, pixels: Pixels, scale: float = 1.0) -> Floats:
        """All faces of a picture, uint8 (H, W, 3) RGB, which is resized by `scale` before.

        Returns float32 (N, 15) in px of the picture as it came: x, y, width, height, then x, y of eye, eye,
        nose, mouth corner and mouth corner, then the score 0..1.
        """
        height, width = pixels.shape[:2]
        small = resize(pixels, *(max(LEAST_SIDE, round(side * scale)) for side in (width, height)))
        margin = self._margin
        border = ((margin, margin), (margin, margin), (0, 0))
        framed = np.ascontiguousarray(np.pad(small[..., ::-1], border, mode="edge"))
        self._network.setInputSize((framed.shape[1], framed.shape[0]))
        _, faces = self._network.detect(framed)
        found = np.empty((0, 15), np.float32) if faces is None else faces.astype(np.float32)
        shift = np.array([margin, margin, 0, 0] + [margin] * 10 + [0], np.float32)
        return np.asarray((found - shift) / np.array([scale] * 14 + [1], np.float32), np.float32)


def open_yunet(model: Path, flag: str, *, min_score: float, margin: int, candidates: int = 5000) -> YuNet:
    """Load YuNet from its file.

    flag: the command's flag that named the file, for the error message. min_score: faces below it are not
    given. candidates: detections that are kept before those of the same face are joined. Raises DataError if
    the file is missing, MissingLibraryError without OpenCV.
    """
    cv2 = import_cv2()
    if not model.is_file():
        raise DataError(
            f"{model}: no such file",
            f"{WHERE_FROM}, or leave {flag} out",
        )
    network = cv2.FaceDetectorYN.create(str(model), "", (320, 320), min_score, OVERLAP, candidates)
    return YuNet(network, margin)
