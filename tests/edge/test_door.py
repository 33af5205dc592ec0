"""What is built from one configuration."""

import pytest

from edge.config.reading import Config, DetectorConfig
from edge.door import build_pipeline
from edge.inference.shipped import build_detector


def test_a_followed_face_needs_less_than_a_new_one():
    """`build_detector` alone, as `edge image` has it, keeps the whole threshold."""
    config = Config(detector=DetectorConfig(score_threshold=0.6))
    pipeline = build_pipeline(config, live=False)
    assert (pipeline.tracker.sure_score, pipeline.min_score) == (pytest.approx(0.68), pytest.approx(0.45))
    assert build_detector(config.detector).score_threshold == 0.6
    cascade = build_pipeline(Config(detector=DetectorConfig(model="cascade")), live=False)
    assert (cascade.tracker.sure_score, cascade.min_score) == (0.0, None)
