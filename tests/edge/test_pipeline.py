"""One frame through all stages, with tiny models."""

import numpy as np

from edge.config.tables import ClassifierConfig
from edge.types import EventKind, Frame, Label, State
from tests.pipelines import build, scene


def test_from_frames_to_decisions_and_events():
    pipeline = build()
    values = [None] * 3 + [255] * 15 + [None] * 25
    results = [pipeline.process(scene(index, value)) for index, value in enumerate(values)]
    states = [result.decision.state for result in results]
    assert list(dict.fromkeys(states)) == [State.IDLE, State.PASS]
    assert states[-1] is State.IDLE
    events = [(event.kind, event.after) for result in results for event in result.events]
    assert events[0][0] is EventKind.NEW
    assert events[-1] == (EventKind.ENDED, None)
    assert results[10].tracks[0].label is Label.WITH_MASK
    assert set(results[10].timings_ms) == {"detect", "track", "crop", "classify", "decide"}


def test_the_same_frames_give_the_same_results():
    first, second = (
        [(r.decision, r.tracks, r.events) for r in (p.process(scene(i)) for i in range(12))]
        for p in (build(), build())
    )
    assert first == second


def test_a_black_picture_is_uncertain_never_pass():
    pipeline = build(live=True)
    for index in range(10):
        result = pipeline.process(scene(index))
    assert result.decision.state is State.PASS
    black = Frame(np.zeros((480, 640, 3), np.uint8), 10, 1.0, "test")
    decision = pipeline.process(black).decision
    assert decision.state is State.UNCERTAIN
    assert "black" in decision.reason


def test_the_detector_reads_the_preview_and_crops_are_cut_from_the_full_view():
    """One bright cell of 16x16 px in the middle of a preview of 64x48 px; the full view has 1280x720 px.

    There the cell is 20 times as wide and 15 times as high. The tiny detector makes its boxes exp(-0.4) times
    as high as the cell: (24 +- 8) * 20 across, (24 +- 8 * 0.67032) * 15 down.
    """
    pipeline = build(live=True)
    crops = []
    classify = pipeline.classifier.classify
    pipeline.classifier.classify = lambda cut: crops.extend(cut) or classify(cut)
    for index in range(12):
        rng = np.random.default_rng(index)
        preview, pixels = rng.integers(0, 30, (48, 64, 3), np.uint8), np.zeros((720, 1280, 3), np.uint8)
        preview[16:32, 16:32] = 255
        pixels[240:480, 320:640] = (
            250,
            251,
            252,
        )  # the face, which only the full view shows in its own colour
        result = pipeline.process(Frame(pixels, index, index * 0.1, "test", preview))
        box = result.detections[0].box
        assert np.allclose(
            (box.xmin, box.ymin, box.xmax, box.ymax), (320, 279.56160, 640, 440.43840), atol=1e-4
        )
    assert result.tracks[0].label is Label.WITH_MASK
    assert result.decision.state is State.PASS
    assert pipeline.classifier.card.crop_margin == 0.15
    assert {cut.shape for cut in crops} == {
        (465 - 255, 688 - 272, 3)
    }  # 0.15 * 320 = 48 px more on each side, 0.15 * 160.8768 = 24.13 px
    assert all(cut[100, 100].tolist() == [250, 251, 252] for cut in crops)


def test_a_black_preview_or_full_view_is_judged_by_what_the_detector_sees():
    pixels = scene(0).pixels
    decision = (
        build(live=True).process(Frame(pixels, 0, 0.0, "test", np.zeros((48, 64, 3), np.uint8))).decision
    )
    assert decision.state is State.UNCERTAIN
    assert "black" in decision.reason


def test_the_budget_limits_classifications_in_a_crowd():
    pipeline = build()
    pipeline.config = ClassifierConfig(budget=2)
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[0:160, 0:160] = pixels[320:480, 320:480] = pixels[0:160, 480:640] = pixels[320:480, 0:160] = 255
    calls = []
    classify = pipeline.classifier.classify
    pipeline.classifier.classify = lambda crops: calls.append(len(crops)) or classify(crops)
    for index in range(8):
        result = pipeline.process(Frame(pixels, index, index * 0.1, "test"))
    assert max(calls) == 2
    assert [track.label for track in result.tracks] == [Label.WITH_MASK] * 4
