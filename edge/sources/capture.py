"""OpenCV's captures, with whole RGB pictures only. Its BGR ends here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import PictureError, SourceError
from edge.pictures.jpeg import END_MARK, ends_in_fill, read_jpeg
from edge.sources.damage import DamagedFrameError, UndecodedFrameError
from edge.sources.ffmpeg import DecoderWatch, import_quiet_cv2
from edge.types import Pixels

LEAD_FRAMES = 8
"""Frames after a decoder's complaint that may lie before the damage: decoders work on several at a time."""

DISTRUST_FRAMES = 300
"""Frames after which a complaint is forgotten, at the latest: some streams have no whole (I) frames."""


class Capture:
    """A cv2.VideoCapture. Damage goes on from frame to frame until the stream's next whole (I) frame."""

    def __init__(self, capture: Any, name: str, decoder: DecoderWatch | None = None) -> None:
        """capture: an open cv2.VideoCapture. name: the source's, for errors.

        decoder: for what goes through FFmpeg's decoders.
        """
        self._cv2 = import_quiet_cv2()
        self._capture, self._name, self._decoder = capture, name, decoder
        self._distrust = 0  # frames grabbed since the last complaint, counted from 1; 0: none
        self._raw = False
        if decoder is not None:
            self._complaints = decoder.damaged

    @property
    def codec(self) -> str:
        """The FOURCC code as text, as in `MJPG`; empty where it is not known."""
        code = int(self.get(self._cv2.CAP_PROP_FOURCC))
        letters = bytes(code >> shift & 0xFF for shift in (0, 8, 16, 24)) if code > 0 else b""
        return letters.decode("ascii", "replace").strip("\0 ")

    def get(self, prop: int) -> float:
        """One of OpenCV's CAP_PROP_*; 0 where it is not known."""
        return float(self._capture.get(prop))

    def ask_for_jpegs(self, prop: int, value: int) -> None:
        """Where the frames are JPEGs, have them undecoded: OpenCV's decoder fills a hole with one colour.

        prop, value: the setting that makes this kind of capture give them.
        """
        self._raw = self.codec == "MJPG" and bool(self._capture.set(prop, value))

    def grab(self) -> bool:
        """Take the next frame; False where none comes."""
        if not self._capture.grab():
            return False
        if self._decoder is not None and not self._raw:
            self._listen(self._decoder)
        return True

    def retrieve(self) -> Pixels:
        """The frame that was grabbed, uint8 (H, W, 3) RGB.

        Raises DamagedFrameError for one that is not whole, SourceError where the capture gives no picture.
        """
        if self._distrust:
            raise self._damaged()
        unconverted = self._decoder.unconverted if self._decoder is not None else 0
        ok, array = self._capture.retrieve()
        if not ok:
            raise SourceError(f"{self._name}: gives no more pictures", "check its cable or network")
        if self._decoder is not None and self._decoder.unconverted != unconverted:
            raise UndecodedFrameError(self._name)
        return self._read(np.asarray(array))

    def release(self) -> None:
        """Give everything back; may be called twice."""
        self._capture.release()

    def _listen(self, decoder: DecoderWatch) -> None:
        """After a complaint nothing is trusted until a whole frame comes that is surely behind it."""
        if decoder.damaged != self._complaints:
            self._complaints, self._distrust = decoder.damaged, 1
        elif self._distrust:
            self._distrust += 1
            whole = self._frame_type() == "I" and self._distrust > LEAD_FRAMES
            if whole or self._distrust > DISTRUST_FRAMES:
                self._distrust = 0

    def _frame_type(self) -> str:
        """I, P or B; empty where this OpenCV does not tell."""
        prop = getattr(self._cv2, "CAP_PROP_FRAME_TYPE", None)
        return "" if prop is None else chr(int(max(0.0, self.get(prop))))

    def _read(self, array: npt.NDArray[Any]) -> Pixels:
        if self._raw and array.dtype == np.uint8 and array.ndim <= 2 and min(array.shape, default=0) <= 1:
            return self._read_jpeg(array.tobytes())
        pixels = to_rgb(array, self._name)
        if ends_in_fill(pixels) and (pixels != pixels[0, 0]).any():
            raise self._damaged()
        return pixels

    def _read_jpeg(self, data: bytes) -> Pixels:
        """Some cameras leave the end mark out; the data must be there."""
        try:
            return read_jpeg(data)
        except PictureError:
            pass
        try:
            return read_jpeg(data + END_MARK)
        except PictureError:
            raise self._damaged() from None

    def _damaged(self) -> DamagedFrameError:
        return DamagedFrameError(self._name)


def to_rgb(array: npt.NDArray[Any], name: str) -> Pixels:
    """What OpenCV gives as uint8 (H, W, 3) RGB: grey, BGR or BGRA, of 8 or 16 bits.

    name: the source's. Raises SourceError for anything else.
    """
    cv2 = import_quiet_cv2()
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    code = {1: "COLOR_GRAY2RGB", 3: "COLOR_BGR2RGB", 4: "COLOR_BGRA2RGB"}.get(channels)
    if code is None or not array.size or array.dtype not in (np.uint8, np.uint16):
        kind = f"{channels} channels of {array.dtype}" if array.size else "empty"
        raise SourceError(
            f"{name}: the camera gives no usable picture ({kind})", "choose another pixel format or camera"
        )
    bytes_ = array if array.dtype == np.uint8 else array >> 8
    return np.asarray(cv2.cvtColor(np.asarray(bytes_, np.uint8), getattr(cv2, code)), np.uint8)
