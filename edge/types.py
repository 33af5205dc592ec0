"""The types of mask-edge: what flows from a source to a sink. numpy and the standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""uint8 (H, W, 3), RGB."""


HOLE_S = 1.5
"""Seconds from one frame to the next after which nothing that was known before them counts any more."""


def is_hole(before: float, now: float) -> bool:
    """Whether too much time lies between two moments, seconds on one clock; or the clock jumped back.

    A process that was stopped, a loop that was held up and the next picture of a folder leave such holes.
    """
    return now - before > HOLE_S or now < before


class Label(StrEnum):
    """What a face wears.

    `UNKNOWN` is no class of the model: such a face is too small, or was not looked at for long enough.
    """

    WITH_MASK = "with_mask"
    WITHOUT_MASK = "without_mask"
    INCORRECT_MASK = "incorrect_mask"
    UNKNOWN = "unknown"


class TrackStatus(StrEnum):
    """The life of a track."""

    TENTATIVE = "tentative"
    """Detected once or twice: it may be no face."""
    CONFIRMED = "confirmed"
    """Detected often enough: it counts."""
    LOST = "lost"
    """Not detected at the moment; it ends soon if it is not found again."""


class State(StrEnum):
    """What the door says.

    `UNCERTAIN` is also the fail-safe state: no frame, no model, or no label yet.
    """

    IDLE = "idle"
    PASS = "pass"
    DENY = "deny"
    UNCERTAIN = "uncertain"


class Cause(StrEnum):
    """Why the door says what it says: one name for each reason, for machines.

    `CAUSE_WORDS` has the words for people.
    """

    NOBODY = "nobody"
    ALL_MASKED = "all_masked"
    NO_MASK = "no_mask"
    MASK_WORN_WRONG = "mask_worn_wrong"
    TOO_MANY_FACES = "too_many_faces"
    LOOKING = "looking"
    NO_FRAME = "no_frame"
    CAMERA_LOST = "camera_lost"
    CAMERA_HANGS = "camera_hangs"
    PICTURE_BLACK = "picture_black"
    PICTURE_COVERED = "picture_covered"
    PICTURE_FROZEN = "picture_frozen"
    PICTURE_DAMAGED = "picture_damaged"
    NO_RESULT = "no_result"


CAUSE_WORDS = {
    Cause.NOBODY: "nobody in view",
    Cause.ALL_MASKED: "every face wears its mask",
    Cause.NO_MASK: "a face without a mask",
    Cause.MASK_WORN_WRONG: "a mask worn incorrectly",
    Cause.TOO_MANY_FACES: "too many faces at a time",
    Cause.LOOKING: "looking",
    Cause.NO_FRAME: "no picture from the camera",
    Cause.CAMERA_LOST: "the camera is lost",
    Cause.CAMERA_HANGS: "the camera hangs: its driver does not answer",
    Cause.PICTURE_BLACK: "the picture is black: camera covered, no light, or a stream that cannot be decoded",
    Cause.PICTURE_COVERED: "the picture shows nothing: camera covered",
    Cause.PICTURE_FROZEN: "the picture is frozen",
    Cause.PICTURE_DAMAGED: "the picture is damaged: data are lost between camera and computer",
    Cause.NO_RESULT: "no result for the picture",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no trustworthy frame."""

    cause: Cause
    detail: str = ""
    """Words for a person that say more than those of the cause, such as a camera's own error."""

    def __str__(self) -> str:
        return self.detail or CAUSE_WORDS[self.cause]


class EventKind(StrEnum):
    """What happened to a track."""

    NEW = "new"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box in pixels of the full view, half-open: `xmin <= x < xmax`.

    Coordinates may lie outside the frame until `clip`.
    """

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
        """The box, larger on every side by `margin` times its own width or height."""
        dx, dy = self.width * margin, self.height * margin
        return BoundingBox(self.xmin - dx, self.ymin - dy, self.xmax + dx, self.ymax + dy)

    def square(self) -> BoundingBox:
        """The smallest square with the same centre that holds this box."""
        half = max(self.width, self.height) / 2
        x, y = (self.xmin + self.xmax) / 2, (self.ymin + self.ymax) / 2
        return BoundingBox(x - half, y - half, x + half, y + half)

    def scale(self, x: float, y: float) -> BoundingBox:
        """The box with `x` times the horizontal and `y` times the vertical coordinates."""
        return BoundingBox(self.xmin * x, self.ymin * y, self.xmax * x, self.ymax * y)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source."""

    pixels: Pixels
    """The full view, uint8 (H, W, 3) RGB."""
    index: int
    """Counts the frames of the source from 0."""
    captured_at: float
    """Seconds on the monotonic clock."""
    source: str
    """The source's name."""
    preview: Pixels | None = None
    """The same view, made small by the camera, uint8 (h, w, 3) RGB."""
    file: str | None = None
    """The path of the picture file that this frame shows."""

    def __post_init__(self) -> None:
        """Raises ValueError for pixels that are no RGB of 8 bits: no stage could work with them."""
        for view in (self.pixels, self.preview):
            if view is not None and (view.dtype != np.uint8 or view.ndim != 3 or view.shape[2] != 3):
                raise ValueError(f"pixels are {view.dtype} {view.shape}, uint8 (H, W, 3) is needed")

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def view(self) -> Pixels:
        """The preview, or the full view where there is none."""
        return self.pixels if self.preview is None else self.preview


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the detector found."""

    box: BoundingBox
    score: float
    """The detector's score, 0..1."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What the classifier says of one crop."""

    label: Label
    score: float
    """The score of `label`, 0..1."""
    scores: Mapping[Label, float]
    """The score of every class of the model; they sum to 1, `UNKNOWN` is not among them."""


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed over frames."""

    track_id: int
    box: BoundingBox
    label: Label
    """The label that won the vote over the last frames."""
    confidence: float
    """The average score of `label`, 0..1; 0 while the label is unknown."""
    age_s: float
    """Seconds since the face was first seen."""
    status: TrackStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """What the door says now."""

    state: State
    since: float
    """When this state began, seconds on the monotonic clock."""
    counts: Mapping[Label, int]
    """Number of confirmed faces with each label."""
    cause: Cause
    detail: str = ""
    """Words for a person that say more than those of the cause: `one at a time`, or a camera's error."""

    @property
    def reason(self) -> str:
        """A few words for a person."""
        return self.detail or CAUSE_WORDS[self.cause]


@dataclass(frozen=True, slots=True)
class Event:
    """A track appeared, changed its label, or ended."""

    kind: EventKind
    track_id: int
    before: Label | None
    after: Label | None
    at: float
    """Seconds on the monotonic clock."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All that is known of one frame."""

    frame: Frame | None
    """None where the source gave none."""
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    decision: Decision
    events: tuple[Event, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of each stage."""
    degraded: str | None = None
    """What does not work as it should while the decisions go on, in a few words for a person."""
    faint: tuple[BoundingBox, ...] | None = None
    """What only faintly looks like a face, to be blurred; None where nobody looked for it."""
