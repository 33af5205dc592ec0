"""Draws a face mask onto a bare face: for the demo source, and as training augmentation.

It is a polygon hung on five landmarks, with folds, the face's own shading, and ear straps; not a photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.optional import import_cv2
from edge.types import Pixels

Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MaskStyle:
    """How a drawn mask looks.

    Heights are in eye-to-mouth distances below the eyes: nose tip about 0.6, mouth 1, chin about 1.75.
    """

    colour: tuple[int, int, int] = (150, 195, 225)
    """RGB, 0..255."""
    top: float = 0.25
    """The height where its upper edge crosses the nose."""
    bottom: float = 1.85
    """The height where its lower edge crosses the chin."""
    folds: int = 3
    """Horizontal pleats."""
    wrap: float = 0.7
    """How much of the cheeks it covers, 0..1."""
    shading: float = 0.6
    """How much of the face's light shows on it, 0..1."""
    straps: bool = True
    """Whether it has ear loops."""
    pattern: Pixels | None = None
    """Laid over the colour: uint8 (h, w, 3) RGB."""


def draw_mask(pixels: Pixels, landmarks: Sequence[Sequence[float]] | Points, style: MaskStyle) -> Pixels:
    """A copy of the picture with a mask drawn on one face.

    pixels: uint8 (H, W, 3) RGB. landmarks: (5, 2) px, in the order of YuNet and RetinaFace: eye, eye (left to
    right in the picture), nose tip, mouth corner, mouth corner (left to right). Returns uint8 (H, W, 3) RGB.
    """
    cv2 = import_cv2()
    face = _FaceFrame(np.asarray(landmarks, np.float32))
    outline = _outline(face, style)
    height, width = pixels.shape[:2]
    shift = 4  # OpenCV's fixed-point bits
    fixed = np.round(outline * (1 << shift)).astype(np.int32)

    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [fixed], 255, cv2.LINE_AA, shift)
    cloth = _cloth(pixels, face, style)
    out = pixels.copy()
    if style.straps:
        _draw_straps(out, face, outline, style, shift)
    softness = max(0.3, face.unit / 36)
    weight = cv2.GaussianBlur(alpha, (0, 0), softness)[..., None].astype(np.float32) / 255
    return np.asarray(out * (1 - weight) + cloth * weight, np.uint8)


class _FaceFrame:
    """Coordinates on a face.

    x runs across, in eye distances of a frontal face; y runs down, in eye-to-mouth distances.
    """

    def __init__(self, landmarks: Points) -> None:
        eye_l, eye_r, nose, mouth_l, mouth_r = landmarks
        self.eyes = (eye_l + eye_r) / 2
        self.down = (mouth_l + mouth_r) / 2 - self.eyes
        self.unit = max(float(np.linalg.norm(self.down)), 1.0)
        across = eye_r - eye_l
        # A turned head shortens the eye distance but not the eye-to-mouth one: keep x from collapsing.
        length = max(float(np.linalg.norm(across)), 0.55 * self.unit)
        self.across = across / max(float(np.linalg.norm(across)), 1e-3) * length
        # Yaw: how far the nose tip is from the middle line, in eye distances; positive to the right.
        beside = np.dot(nose - self.eyes - 0.6 * self.down, self.across) / length**2
        self.yaw = float(np.clip(beside, -0.7, 0.7))

    def point(self, x: float, y: float) -> Points:
        return np.asarray(self.eyes + x * self.across + y * self.down, np.float32)

    def side(self, sign: int, reach: float) -> float:
        """x of the face's edge on one side; the side that the head turns to is the short one."""
        return sign * reach * float(np.clip(1 + sign * -1.1 * self.yaw, 0.35, 1.6)) + 0.35 * self.yaw


def _outline(face: _FaceFrame, style: MaskStyle) -> Points:
    """(N, 2) float32 px, clockwise from the left cheek."""
    top, bottom, middle = style.top, style.bottom, face.yaw
    reach = 0.62 + 0.42 * style.wrap
    left, right = face.side(-1, reach), face.side(1, reach)
    cheek_top = top + 0.22  # the upper edge sinks towards the ears
    cheek_bottom = max(bottom - 0.55, cheek_top + 0.2)
    control = [
        (left, cheek_top),
        (0.5 * left + 0.5 * middle, top + 0.12),
        (0.18 * left + 0.82 * middle, top + 0.01),
        (0.18 * right + 0.82 * middle, top + 0.01),
        (0.5 * right + 0.5 * middle, top + 0.12),
        (right, cheek_top),
        (0.95 * right, cheek_bottom),
        (0.6 * right + 0.3 * middle, bottom - 0.1),
        (0.25 * right + 0.6 * middle, bottom),
        (0.25 * left + 0.6 * middle, bottom),
        (0.6 * left + 0.3 * middle, bottom - 0.1),
        (0.95 * left, cheek_bottom),
    ]
    return np.stack([face.point(x, y) for x, y in control])


def _cloth(pixels: Pixels, face: _FaceFrame, style: MaskStyle) -> npt.NDArray[np.float32]:
    """float32 (H, W, 3): the mask's material under the face's light, for the whole picture."""
    cv2 = import_cv2()
    height, width = pixels.shape[:2]
    cloth = np.full(pixels.shape, style.colour, np.float32)
    if style.pattern is not None:
        cloth = cv2.resize(style.pattern, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    light, level = _light(pixels, face)
    shade = _relief(width, height, face, style) * level * (1 - style.shading + style.shading * light)
    return np.asarray(np.clip(cloth * shade[..., None], 0, 255), np.float32)


def _relief(width: int, height: int, face: _FaceFrame, style: MaskStyle) -> npt.NDArray[np.float32]:
    """float32 (H, W), about 1: the mask is round, so darker at the cheeks, and its folds cast shadows."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    axis = face.down / face.unit
    depth = ((xs - face.eyes[0]) * axis[0] + (ys - face.eyes[1]) * axis[1]) / face.unit
    sideways = ((xs - face.eyes[0]) * axis[1] - (ys - face.eyes[1]) * axis[0]) / face.unit - face.yaw
    relief = 1.06 - 0.16 * np.abs(sideways)
    if style.folds:
        span = max(style.bottom - style.top, 0.1)
        relief += 0.05 * np.sin((depth - style.top) / span * (style.folds + 1) * 2 * np.pi)
    return np.asarray(relief)


def _light(pixels: Pixels, face: _FaceFrame) -> tuple[npt.NDArray[np.float32], np.float64]:
    """The light on the face, float32 (H, W), 1 at its middle; and how bright the mask is in this room."""
    cv2 = import_cv2()
    height, width = pixels.shape[:2]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    light = cv2.GaussianBlur(grey, (0, 0), max(face.unit / 4, 0.5)).astype(np.float32)
    centre = face.point(face.yaw, 1.0)
    x, y = int(np.clip(centre[0], 0, width - 1)), int(np.clip(centre[1], 0, height - 1))
    light = np.clip(light / max(float(light[y, x]), 24.0), 0.35, 1.6)
    level = np.clip(float(light[y, x]) * (0.55 + float(pixels[y, x].mean()) / 230), 0.45, 1.15)
    return light, level


def _draw_straps(out: Pixels, face: _FaceFrame, outline: Points, style: MaskStyle, shift: int) -> None:
    """Two loops from the mask's corners towards each ear, in place."""
    cv2 = import_cv2()
    colour = tuple(int(min(255, channel * 0.9 + 20)) for channel in style.colour)
    thickness = max(1, round(face.unit / 32))
    for corner, low, sign in ((outline[0], outline[11], -1), (outline[5], outline[6], 1)):
        ear = face.point(face.side(sign, 1.12), 0.3)
        for start in (corner, low):
            ends = [tuple(int(v) for v in np.round(p * (1 << shift))) for p in (start, ear)]
            cv2.line(out, ends[0], ends[1], colour, thickness, cv2.LINE_AA, shift)
