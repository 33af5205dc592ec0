"""What only faintly looks like a face: kept for blurring, and nothing else changes by it."""

from dataclasses import replace

import pytest

from edge.config.reading import Config
from edge.door import build_pipeline
from edge.sinks import snapshot
from edge.sources.demo import DemoSource


def frames(count=12):
    source = DemoSource(seconds=5.0)
    return [source.read(0.0) for _ in range(count)]


def with_snapshots(directory, blur=True):
    table = replace(Config().of(snapshot.KIND), directory=str(directory), blur=blur)
    return Config().having(snapshot.KIND, table)


def test_nobody_looks_for_it_unless_a_sink_blurs(tmp_path):
    for config in (Config(), with_snapshots(tmp_path, blur=False)):
        assert build_pipeline(config, live=False).process(frames(1)[0]).faint is None


def test_faces_and_decisions_are_the_same_with_it(tmp_path):
    without, with_it = (build_pipeline(c, live=False) for c in (Config(), with_snapshots(tmp_path)))
    faint = 0
    for frame in frames():
        a, b = without.process(frame), with_it.process(frame)
        assert (a.detections, a.tracks, a.decision) == (b.detections, b.tracks, b.decision)
        faint += len(b.faint)
    assert faint


def test_a_face_below_the_threshold_is_among_the_faint_ones(tmp_path):
    """A face that the detector scores .36 must not be stored as it is: here the threshold is above all."""
    pipeline = build_pipeline(with_snapshots(tmp_path), live=False)
    frame = frames(40)[-1]
    best = pipeline.detector.detect(frame, 0.3)[0]
    pipeline.min_score = 0.999
    result = pipeline.process(frame)
    assert not result.detections and not result.tracks
    assert max(box.iou(best.box) for box in result.faint) == pytest.approx(1.0)


def test_a_picture_that_cannot_be_trusted_was_not_looked_at(tmp_path):
    from edge.types import Cause, Problem

    pipeline = build_pipeline(with_snapshots(tmp_path), live=True)
    pipeline.process(frames(1)[0])
    assert pipeline.without_frame(Problem(Cause.NO_RESULT), 1.0, frames(1)[0]).faint is None
