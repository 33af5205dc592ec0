"""One frame through all stages: detect, track, crop, classify, decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge.decision import Policy
from edge.inference.coral.accelerator import Accelerator
from edge.inference.faces import FaceDetector
from edge.inference.masks import MaskClassifier
from edge.picture_health import PictureHealth
from edge.preprocess import crop
from edge.tracking import Tracker
from edge.types import Decision, Detection, Frame, FrameResult, Track


@dataclass(slots=True)
class Pipeline:
    """The stages of one door. `budget`: classifications per frame; `settled_every_s`: how often a settled face is looked at again.

    health: None for files, where a black or still picture is no fault. accelerator: None where the CPU runs the models. timer: seconds, for the stage
    timings alone.
    """

    detector: FaceDetector
    classifier: MaskClassifier
    tracker: Tracker
    policy: Policy
    budget: int = 2
    settled_every_s: float = 0.5
    health: PictureHealth | None = None
    accelerator: Accelerator | None = None
    timer: Callable[[], float] = time.perf_counter
    _timings: dict[str, float] = field(default_factory=dict)
    _lap_start: float = 0.0

    def process(self, frame: Frame) -> FrameResult:
        """All that is known after this frame; the frame's own `captured_at` is the clock."""
        now = frame.captured_at
        self._timings = {}
        problem = self.health.problem(frame, bool(self.tracker.tracks(now))) if self.health else None
        if problem:
            return self.without_picture(problem, now, frame)
        self._lap_start = self.timer()
        detections = self.detector.detect(frame)
        self._lap("detect")
        self.tracker.update(detections, now)
        self._lap("track")
        self._classify(frame, now)
        return self._decide(frame, detections, now)

    def warm_up(self) -> None:
        """Run both models once, so that one that cannot run is known before the door opens. No track comes of it."""
        grey = np.full((480, 640, 3), 128, np.uint8)
        self.detector.detect(Frame(grey, 0, 0.0, "warm-up"))
        self.classifier.classify([grey])

    def without_picture(self, reason: str, now: float, frame: Frame | None = None) -> FrameResult:
        """The fail-safe result: tracks age, the decision is `uncertain`."""
        tracks = self.tracker.update([], now)
        return self._result(frame, [], tracks, self.policy.fail(reason, now))

    def close(self) -> None:
        """Give back what the models hold; may be called twice."""
        if self.accelerator:
            self.accelerator.close()

    def _classify(self, frame: Frame, now: float) -> None:
        due = self.tracker.due(now, self.budget, self.settled_every_s)
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
        degraded = self.accelerator.degraded if self.accelerator else ""
        return FrameResult(
            frame,
            tuple(detections),
            tuple(tracks),
            decision,
            tuple(self.tracker.take_events()),
            self._timings,
            degraded,
        )

    def _lap(self, stage: str) -> None:
        """The time since the stage before."""
        now = self.timer()
        self._timings[stage] = (now - self._lap_start) * 1e3
        self._lap_start = now
