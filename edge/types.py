"""The words of mask-edge: what flows from a source to a sink. numpy and the standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""uint8 (H, W, 3), RGB."""


class Label(StrEnum):
    """What a face wears. `UNKNOWN` is never a class of the model: it is a face too small or too fresh to say."""

    WITH_MASK = "with_mask"
    WITHOUT_MASK = "without_mask"
    INCORRECT_MASK = "incorrect_mask"
    UNKNOWN = "unknown"


class TrackStatus(StrEnum):
    """Life of a track: seen once or twice, seen often enough, missing for now."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    LOST = "lost"


class State(StrEnum):
    """What the door says. `UNCERTAIN` is also the fail-safe state: no picture, no model, no verdict yet."""

    IDLE = "idle"
    PASS = "pass"
    DENY = "deny"
    UNCERTAIN = "uncertain"


class EventKind(StrEnum):
    """What happened to a track."""

    NEW = "new"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box in pixels of the full view, half-open: `xmin <= x < xmax`. Coordinates may lie outside the frame until `clip`."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    @property
    def width(self) -> float:
        return max(0.0, self.xmax - self.xmin)

    @property
    def height(self) -> float:
        return max(0.0, self.ymax - self.ymin)

    @property
    def area(self) -> float:
        return self.width * self.height

    def iou(self, other: BoundingBox) -> float:
        """Intersection over union, 0..1; 0 where both are empty."""
        width = min(self.xmax, other.xmax) - max(self.xmin, other.xmin)
        height = min(self.ymax, other.ymax) - max(self.ymin, other.ymin)
        if width <= 0 or height <= 0:
            return 0.0
        intersection = width * height
        return intersection / (self.area + other.area - intersection)

    def clip(self, width: float, height: float) -> BoundingBox:
        """The part inside a frame of this width and height (px)."""
        return BoundingBox(
            min(max(self.xmin, 0.0), width),
            min(max(self.ymin, 0.0), height),
            min(max(self.xmax, 0.0), width),
            min(max(self.ymax, 0.0), height),
        )

    def pad(self, margin: float) -> BoundingBox:
        """Grown on every side by `margin` times its own width or height."""
        dx, dy = self.width * margin, self.height * margin
        return BoundingBox(self.xmin - dx, self.ymin - dy, self.xmax + dx, self.ymax + dy)

    def square(self) -> BoundingBox:
        """The smallest square with the same centre that holds this box."""
        half = max(self.width, self.height) / 2
        x, y = (self.xmin + self.xmax) / 2, (self.ymin + self.ymax) / 2
        return BoundingBox(x - half, y - half, x + half, y + half)

    def scale(self, x: float, y: float) -> BoundingBox:
        """Multiplied by `x` across and `y` down, as from the preview to the full view."""
        return BoundingBox(self.xmin * x, self.ymin * y, self.xmax * x, self.ymax * y)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    pixels: uint8 (H, W, 3) RGB, the full view. preview: uint8 (h, w, 3) RGB, the same view made small by the camera, or None.
    index: counts from 0. captured_at: seconds on the monotonic clock. source: the source's name; file: the picture's path, if it has one.
    """

    pixels: Pixels
    index: int
    captured_at: float
    source: str
    preview: Pixels | None = None
    file: str | None = None

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Detection:
    """A face: its box and the detector's score, 0..1."""

    box: BoundingBox
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What the classifier says of one crop; `scores` sums to 1 and holds no `UNKNOWN`."""

    label: Label
    score: float
    scores: Mapping[Label, float]


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed over frames; `label` is voted over time, `confidence` its averaged score (0 while unknown)."""

    track_id: int
    box: BoundingBox
    label: Label
    confidence: float
    age_s: float
    status: TrackStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """What the door says now. since: seconds on the monotonic clock. counts: confirmed faces per label. reason: a few words for a person."""

    state: State
    since: float
    counts: Mapping[Label, int]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A track appeared, changed its label, or went. at: seconds on the monotonic clock."""

    kind: EventKind
    track_id: int
    before: Label | None
    after: Label | None
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that is known of one frame. `frame` is None where the source gave none. timings_ms: stage -> milliseconds.

    degraded: what does not work as it should while the decisions go on, a few words for a person; empty where all is well.
    """

    frame: Frame | None
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    decision: Decision
    events: tuple[Event, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: str = ""
