"""Can this picture be trusted? A covered, black or frozen camera must never say `pass`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge.optional import import_cv2
from edge.preprocess import resize
from edge.types import Cause, Frame, Pixels

STEP = 4
"""Every so many pixels are looked at: a picture in which none of these changes is frozen. Fine enough for the clock that many cameras write."""

STREAM_STILL_S = 60.0
"""An encoder repeats a still scene to the bit until its next key frame, which "smart" ones put off for a minute."""

BLOCKS = 32, 24
"""Brightness and contrast are judged on so many averages across and down: in the dark a sensor's gain makes noise, and noise is no contrast."""


@dataclass(slots=True)
class PictureHealth:
    """Watches the frames of one live source, as the detector sees them: the preview where there is one.

    black_level: mean brightness 0..255 below which a picture without contrast counts as black. flat_contrast: standard deviation, 0..255, of the
    block averages of a colour below which a dark picture has no contrast; of any other, a quarter of it. frozen_after_s: pixel-identical for so
    long with a face in view counts as frozen, for nobody stands so still; still_after_s: without a face: a sensor's noise changes every frame,
    but an encoded stream needs STREAM_STILL_S. good_after_s: black or covered lasts until the picture has been good for so long, so that a
    flickering exposure does not flicker through to the door.
    """

    black_level: float = 10.0
    flat_contrast: float = 4.0
    frozen_after_s: float = 5.0
    still_after_s: float = 5.0
    good_after_s: float = 1.0
    _last: Pixels | None = field(default=None)
    _changed_at: float = 0.0
    _frozen: bool = False
    _fault: Cause | None = None
    _fault_at: float = 0.0

    def problem(self, frame: Frame, faces: bool = False) -> Cause | None:
        """What is wrong with the picture, or None. faces: whether some are being followed."""
        view = frame.view
        now = frame.captured_at
        self._compare(view[::STEP, ::STEP], now, faces)
        fault = self._look(view)
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
        """A frozen picture stays so until it changes, although its faces are not followed any more."""
        if self._last is None or not np.array_equal(sample, self._last):
            self._last, self._changed_at, self._frozen = sample.copy(), now, False
        self._frozen = self._frozen or now - self._changed_at >= (
            self.frozen_after_s if faces else self.still_after_s
        )


def _block_averages(view: Pixels) -> Pixels:
    """uint8 (24, 32, 3). By halves as long as that fits: two to five times as fast as at once, and this runs for every frame."""
    width, height = BLOCKS
    while view.shape[1] >= 4 * width and view.shape[0] >= 4 * height:
        view = resize(view, view.shape[1] // 2, view.shape[0] // 2)
    return resize(view, width, height)
