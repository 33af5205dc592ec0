"""One frame through all stages: detect, track, crop, classify, decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge.config.tables import ClassifierConfig
from edge.decision import Policy
from edge.inference.coral.accelerator import Accelerator
from edge.inference.faces import FaceDetector
from edge.inference.masks import MaskClassifier
from edge.picture_health import PictureHealth
from edge.preprocess import crop
from edge.tracking import Tracker
from edge.types import BoundingBox, Decision, Detection, Frame, FrameResult, Problem, Track


@dataclass(slots=True)
class Pipeline:
    """The stages of one door."""

    detector: FaceDetector
    classifier: MaskClassifier
    tracker: Tracker
    policy: Policy
    config: ClassifierConfig = field(default_factory=ClassifierConfig)
    """How many faces are classified in a frame, and the seconds between two looks at a settled one."""
    min_score: float | None = None
    """Detections with a lower score are left out, 0..1; None: the detector's own threshold."""
    health: PictureHealth | None = None
    """None for files: there a black or still picture is no fault."""
    faintest: float | None = None
    """What scores this much is kept as `FrameResult.faint`, for blurring; None: nobody looks for it.

    It needs `min_score`: a detector without scores to compare cannot say what is faint.
    """
    accelerator: Accelerator | None = None
    """None where the CPU runs the models."""
    timer: Callable[[], float] = time.perf_counter
    """The clock that times the stages, seconds."""
    _timings: dict[str, float] = field(default_factory=dict)
    _lap_start: float = 0.0
    _faint: tuple[BoundingBox, ...] | None = None

    def process(self, frame: Frame) -> FrameResult:
        """All that is known after this frame; its `captured_at` is the time of the result."""
        now = frame.captured_at
        self._timings = {}
        cause = self.health.problem(frame, bool(self.tracker.tracks(now))) if self.health else None
        if cause:
            return self.without_frame(Problem(cause), now, frame)
        self._lap_start = self.timer()
        detections = self._detect(frame)
        self._lap("detect")
        self.tracker.update(detections, now)
        self._lap("track")
        self._classify(frame, now)
        return self._decide(frame, detections, now)

    def warm_up(self) -> None:
        """Run both models once: one that cannot run is an error before the door opens."""
        grey = np.full((480, 640, 3), 128, np.uint8)
        self.detector.detect(Frame(grey, 0, 0.0, "warm-up"))
        self.classifier.classify([grey])

    def without_frame(self, problem: Problem, now: float, frame: Frame | None = None) -> FrameResult:
        """The fail-safe result: tracks get older, the decision is `uncertain`.

        frame: a frame that cannot be trusted, or that no stage could process; None where there is none.
        """
        self._faint = None
        tracks = self.tracker.update([], now)
        return self._result(frame, [], tracks, self.policy.fail(problem, now))

    def close(self) -> None:
        """Give back what the models hold; may be called twice."""
        if self.accelerator:
            self.accelerator.close()

    def _detect(self, frame: Frame) -> list[Detection]:
        """The faces; what scores less, down to `faintest`, is put aside.

        Overlapping boxes are suppressed from the best score down, so the faces are the same without it.
        """
        if self.faintest is None or self.min_score is None:
            return self.detector.detect(frame, self.min_score)
        found = self.detector.detect(frame, min(self.faintest, self.min_score))
        self._faint = tuple(detection.box for detection in found if detection.score < self.min_score)
        return [detection for detection in found if detection.score >= self.min_score]

    def _classify(self, frame: Frame, now: float) -> None:
        due = self.tracker.due(now, self.config.budget, self.config.settled_every_s)
        crops = [crop(frame.pixels, track.box, self.classifier.card.crop_margin) for track in due]
        self._lap("crop")
        classifications = self.classifier.classify(crops)
        self._lap("classify")
        for track, classification in zip(due, classifications, strict=True):
            self.tracker.vote(track.track_id, classification, now)

    def _decide(self, frame: Frame, detections: list[Detection], now: float) -> FrameResult:
        tracks = self.tracker.tracks(now)
        decision = self.policy.decide(tracks, now)
        self._lap("decide")
        return self._result(frame, detections, tracks, decision)

    def _result(
        self, frame: Frame | None, detections: list[Detection], tracks: list[Track], decision: Decision
    ) -> FrameResult:
        return FrameResult(
            frame,
            tuple(detections),
            tuple(tracks),
            decision,
            tuple(self.tracker.take_events()),
            self._timings,
            self.accelerator.degraded if self.accelerator else None,
            self._faint,
        )

    def _lap(self, stage: str) -> None:
        """The milliseconds since the stage before."""
        now = self.timer()
        self._timings[stage] = (now - self._lap_start) * 1e3
        self._lap_start = now
