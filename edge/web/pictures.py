"""The picture that viewers get, as JPEG: blurred, none of the camera's pixels, or full; always with boxes."""

from __future__ import annotations

import numpy as np

from edge.optional import import_cv2
from edge.pictures.annotate import annotate
from edge.pictures.privacy import blurred_picture
from edge.preprocess import resize
from edge.types import FrameResult, Pixels, TrackStatus

GREY = 110
"""What stands in for the camera's picture, 0..255."""

CARD_WIDTH, CARD_HEIGHT = 640, 480
"""px: the picture where the camera gives none."""


class Painter:
    """Makes one JPEG of one result.

    pictures: `blurred`, `none` or `full`. width: px at most. quality: of the JPEG, 1..100.
    """

    def __init__(self, pictures: str, width: int, quality: int) -> None:
        self._pictures, self._width, self._quality = pictures, width, quality

    def paint(self, result: FrameResult) -> bytes:
        """The JPEG. Raises MissingLibraryError without OpenCV."""
        return self._encoded(self.draw(result))

    def draw(self, result: FrameResult) -> Pixels:
        """uint8 (H, W, 3) RGB, at most `width` px wide."""
        pixels = self._view(result)
        if pixels is None:
            return _card(result.decision.reason)
        scale = min(1.0, self._width / pixels.shape[1])
        small = resize(pixels, round(pixels.shape[1] * scale), max(1, round(pixels.shape[0] * scale)))
        seen = [track for track in result.tracks if track.status is not TrackStatus.LOST]
        faces = [(track.box.scale(scale, scale), track.label, track.confidence) for track in seen]
        return annotate(small, faces)

    def _view(self, result: FrameResult) -> Pixels | None:
        """The camera's picture as far as it may be shown; None where there is none."""
        if result.frame is None:
            return None
        if self._pictures == "full":
            return result.frame.pixels
        if self._pictures == "blurred":
            return blurred_picture(result)
        return np.full(result.frame.pixels.shape, GREY, np.uint8)

    def _encoded(self, pixels: Pixels) -> bytes:
        cv2 = import_cv2()
        options = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
        return bytes(data.tobytes())


def _card(reason: str) -> Pixels:
    """A dark card that says why there is no picture."""
    cv2 = import_cv2()
    card = np.full((CARD_HEIGHT, CARD_WIDTH, 3), 40, np.uint8)
    for text, scale, y in (("no picture", 1.2, 220), (_ascii(reason), 0.6, 270)):
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        left = max(10, (CARD_WIDTH - width) // 2)
        cv2.putText(card, text, (left, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (220,) * 3, 1, cv2.LINE_AA)
    return card


def _ascii(text: str) -> str:
    """OpenCV's fonts have no other characters."""
    return text.encode("ascii", "replace").decode()[:60]
