"""Can the camera's picture be trusted? While it is black, covered or frozen, the door never says `pass`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.optional import import_cv2
from edge.pictures.jpeg import ends_in_fill
from edge.preprocess import resize
from edge.types import Cause, Frame, Pixels

STEP = 4
"""Every STEP-th pixel of every STEP-th row is compared: a picture in which none of them changes is frozen.

That is fine enough to notice the clock that many cameras write into the picture.
"""

STREAM_STILL_S = 60.0
"""Seconds for network streams: an encoder repeats a still scene bit by bit until its next key frame.

Some encoders send one only every minute.
"""

BLOCKS = 32, 24
"""Number of blocks across and down. Brightness and contrast are measured on the averages of these blocks.

In the dark a sensor's gain makes noise; averages leave it out.
"""


@dataclass(slots=True)
class PictureHealth:
    """Watches the frames of one live source, as the detector sees them: the preview where there is one."""

    black_level: float = 10.0
    """Mean brightness, 0..255: a darker picture without contrast is black."""
    flat_contrast: float = 4.0
    """Standard deviation of a colour's block averages, 0..255: a dark picture below it has no contrast.

    A picture that is not dark has no contrast below a quarter of it.
    """
    frozen_after_s: float = 5.0
    """Seconds without a changed pixel, with a face in view, after which the picture is frozen."""
    still_after_s: float = 5.0
    """The same without a face in view. A sensor's noise changes each frame; a stream needs STREAM_STILL_S."""
    good_after_s: float = 1.0
    """Seconds that a picture must be good before it is no longer black or covered.

    So an exposure that flickers does not make the door flicker.
    """
    _last: Pixels | None = field(default=None)
    _changed_at: float = 0.0
    _frozen: bool = False
    _fault: Cause | None = None
    _fault_at: float = 0.0

    def problem(self, frame: Frame, faces: bool = False) -> Cause | None:
        """What is wrong with the picture, or None. faces: whether any are tracked."""
        view = frame.view
        now = frame.captured_at
        self._compare(view[::STEP, ::STEP], now, faces)
        fault = Cause.PICTURE_DAMAGED if _is_filled(frame.pixels) else self._look(view)
        if fault:
            self._fault, self._fault_at = fault, now
        elif self._fault and now - self._fault_at >= self.good_after_s:
            self._fault = None
        return self._fault or (Cause.PICTURE_FROZEN if self._frozen else None)

    def _look(self, view: Pixels) -> Cause | None:
        mean, deviation = import_cv2().meanStdDev(_block_averages(view))
        contrast = float(deviation.max())
        if float(mean.mean()) < self.black_level and contrast < self.flat_contrast:
            return Cause.PICTURE_BLACK
        if contrast < self.flat_contrast / 4:
            return Cause.PICTURE_COVERED
        return None

    def _compare(self, sample: Pixels, now: float, faces: bool) -> None:
        """A picture that is frozen stays so until it changes, also when its faces are no longer tracked."""
        if self._last is None or not np.array_equal(sample, self._last):
            self._last, self._changed_at, self._frozen = sample.copy(), now, False
        self._frozen = self._frozen or now - self._changed_at >= (
            self.frozen_after_s if faces else self.still_after_s
        )


def _is_filled(pixels: Pixels) -> bool:
    """Whether a decoder filled up what was lost at an edge, while the rest shows something."""
    return ends_in_fill(pixels) and bool((pixels != pixels[0, 0]).any())


def _block_averages(view: Pixels) -> Pixels:
    """uint8 (24, 32, 3) RGB: the average colour of each block.

    The picture is halved as long as that fits. This is two to five times as fast as one step, and it runs for
    every frame.
    """
    width, height = BLOCKS
    while view.shape[1] >= 4 * width and view.shape[0] >= 4 * height:
        view = resize(view, view.shape[1] // 2, view.shape[0] // 2)
    return resize(view, width, height)
