"""What tests build: frames, detections, verdicts, trackers, policies; and where the files for tests are."""

from pathlib import Path

import numpy as np

from edge.config.tables import DecisionConfig
from edge.decision import Policy
from edge.tracking import Tracker
from edge.types import BoundingBox, Classification, Detection, Frame, Label

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
SHARED = ROOT.parent / "shared"


def make_frame(value: int = 128, width: int = 64, height: int = 48, index: int = 0, at: float = 0.0) -> Frame:
    return Frame(np.full((height, width, 3), value, np.uint8), index, at, "test")


def make_detection(x: float = 10, y: float = 10, size: float = 40, score: float = 0.9) -> Detection:
    return Detection(BoundingBox(x, y, x + size, y + size), score)


def make_verdict(label: Label, score: float = 0.9) -> Classification:
    rest = (1 - score) / 2
    scores = {
        other: score if other is label else rest
        for other in (Label.WITH_MASK, Label.WITHOUT_MASK, Label.INCORRECT_MASK)
    }
    return Classification(label, score, scores)


def make_tracker(sure_score: float = 0.0, **settings) -> Tracker:
    """A tracker with these values of the table [decision]."""
    return Tracker(DecisionConfig(**settings), sure_score)


def make_policy(**settings) -> Policy:
    """A policy with these values of the table [decision]."""
    return Policy(DecisionConfig(**settings))
