"""The whole path with tiny models: `blobs` finds bright cells, `brightness` calls white masked and grey worn wrongly."""

import threading
import time

import numpy as np
import pytest

from edge.config.reading import Config, DetectorConfig
from edge.decision import Policy
from edge.door import build_detector, build_pipeline
from edge.errors import SinkError, SourceError, StageError
from edge.inference.faces import SSDFaceDetector
from edge.inference.masks import MaskClassifier
from edge.loop import Loop
from edge.picture_health import PictureHealth
from edge.pipeline import Pipeline
from edge.tracking import Tracker
from edge.types import EventKind, Frame, Label, State
from tests.builders import DATA

CLASSIFIED = {255: Label.WITH_MASK, 170: Label.INCORRECT_MASK}


def scene(index: int, value: int | None = 255, seconds_a_frame: float = 0.1) -> Frame:
    """A dark wall with one bright cell of 160x160 px, or none."""
    pixels = np.random.default_rng(index).integers(0, 30, (480, 640, 3), np.uint8)
    if value is not None:
        pixels[160:320, 160:320] = value
    return Frame(pixels, index, index * seconds_a_frame, "test")


def build(live: bool = False) -> Pipeline:
    detector, classifier = (
        SSDFaceDetector(DATA / "blobs.tflite", 1),
        MaskClassifier(DATA / "brightness.tflite", 1),
    )
    return Pipeline(detector, classifier, Tracker(), Policy(), health=PictureHealth() if live else None)


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
    """One bright cell of 16x16 px in the middle of a preview of 64x48 is, in a full view of 1280x720, 20 times as wide and 15 times as high.

    The tiny detector makes its boxes exp(-0.4) times as high as the cell: (24 +- 8) * 20 across, (24 +- 8 * 0.67032) * 15 down.
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
    pipeline.budget = 2
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[0:160, 0:160] = pixels[320:480, 320:480] = pixels[0:160, 480:640] = pixels[320:480, 0:160] = 255
    calls = []
    classify = pipeline.classifier.classify
    pipeline.classifier.classify = lambda crops: calls.append(len(crops)) or classify(crops)
    for index in range(8):
        result = pipeline.process(Frame(pixels, index, index * 0.1, "test"))
    assert max(calls) == 2
    assert [track.label for track in result.tracks] == [Label.WITH_MASK] * 4


# --- the loop


class ListSource:
    """Gives a list of frames; an exception in the list is raised, None is a time-out."""

    name = "list"

    def __init__(self, items, live=False):
        self.items, self.live, self.problem, self.closed = list(items), live, None, 0

    @property
    def finished(self):
        return not self.items

    def read(self, timeout):
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed += 1


class ListSink:
    def __init__(self, name="list", fail_at=None):
        self.name, self.fail_at, self.results, self.closed = name, fail_at, [], 0

    def handle(self, result):
        self.results.append(result)
        if len(self.results) == self.fail_at:
            raise SinkError("out of paper")

    def close(self):
        self.closed += 1


def test_the_loop_hands_every_frame_to_every_sink_and_closes_all():
    source, sinks = ListSource(scene(i) for i in range(5)), [ListSink("a"), ListSink("b")]
    loop = Loop(source, build(), sinks)
    loop.run()
    assert loop.frames == 5
    assert [[result.frame.index for result in sink.results] for sink in sinks] == [[0, 1, 2, 3, 4]] * 2
    assert (source.closed, sinks[0].closed, sinks[1].closed) == (1, 1, 1)


def test_a_sink_that_fails_is_left_out_and_the_others_go_on(caplog):
    broken, fine = ListSink("broken", fail_at=2), ListSink("fine")
    Loop(ListSource(scene(i) for i in range(6)), build(), [broken, fine]).run()
    assert (len(broken.results), broken.closed, len(fine.results)) == (2, 1, 6)
    assert "broken is switched off: out of paper" in caplog.text


@pytest.mark.parametrize("where", ["handle", "close"])
def test_a_sink_that_breaks_in_an_unforeseen_way_stops_nobody(caplog, where):
    class Broken(ListSink):
        def handle(self, result):
            super().handle(result)
            if where == "handle":
                raise KeyError("pin")

        def close(self):
            super().close()
            raise RuntimeError("twice")

    broken, fine, source = Broken("broken"), ListSink("fine"), ListSource(scene(i) for i in range(4))
    Loop(source, build(), [broken, fine]).run()
    assert (len(fine.results), fine.closed, source.closed, broken.closed) == (4, 1, 1, 1)
    assert len(broken.results) == (1 if where == "handle" else 4)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["broken is switched off: KeyError: 'pin'"] * (where == "handle") + [
        "broken cannot be closed: RuntimeError: twice"
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_a_closed_pipe_ends_the_loop():
    class Closed(ListSink):
        def handle(self, result):
            raise BrokenPipeError

    source, fine = ListSource([scene(0), scene(1)]), ListSink()
    with pytest.raises(BrokenPipeError):
        Loop(source, build(), [Closed(), fine]).run()
    assert (source.closed, fine.closed) == (1, 1)


class Moody:
    """A detector that fails on some frames."""

    def __init__(self, inner, fails):
        self.inner, self.fails = inner, fails

    def detect(self, frame):
        if frame.index in self.fails:
            raise ValueError("Cannot set tensor:\n  wrong size")
        return self.inner.detect(frame)


def run_moody(fails, frames=40, live=True):
    pipeline, sink, source = build(), ListSink(), ListSource((scene(i) for i in range(frames)), live=live)
    pipeline.detector = Moody(pipeline.detector, fails)
    loop = Loop(source, pipeline, [sink])
    try:
        loop.run()
    finally:
        assert (sink.closed, source.closed) == (1, 1)
    return sink.results


def test_a_frame_on_which_the_model_fails_is_uncertain_and_the_next_one_counts_again(caplog):
    results = run_moody({20, 21, 30})
    states = [result.decision.state for result in results]
    assert states[19] is State.PASS
    assert [states[index] for index in (20, 21, 30)] == [State.UNCERTAIN] * 3
    assert (
        results[20].decision.reason == "no result for the picture (ValueError: Cannot set tensor: wrong size)"
    )
    assert results[20].frame is not None
    assert states[-1] is State.PASS
    assert [record.getMessage() for record in caplog.records] == [
        "no result for a frame (ValueError: Cannot set tensor: wrong size)"
    ] * 3


def test_a_model_that_fails_again_and_again_ends_the_process():
    with pytest.raises(
        StageError,
        match=r"10 frames in a row.*ValueError: Cannot set tensor: wrong size; `python -m edge doctor`",
    ):
        run_moody(range(5, 40))


def test_failures_that_are_not_in_a_row_do_not_end_it():
    assert len(run_moody([index for index in range(40) if index % 10])) == 40


def test_on_a_file_no_frame_is_skipped():
    with pytest.raises(ValueError, match="wrong size"):
        run_moody({3}, live=False)


def test_a_file_that_breaks_off_is_an_error_after_all_is_closed():
    sink = ListSink()
    with pytest.raises(SourceError, match="frame 2 of 9"):
        Loop(
            ListSource([scene(0), scene(1), SourceError("breaks off after frame 2 of 9")]), build(), [sink]
        ).run()
    assert (len(sink.results), sink.closed) == (2, 1)


def test_a_silent_camera_becomes_uncertain_after_its_time():
    now = iter(np.arange(0, 100, 0.5).tolist())
    sink = ListSink()
    Loop(
        ListSource([scene(0)] + [None] * 8 + [scene(1)], live=True),
        build(),
        [sink],
        stale_after_s=2.0,
        clock=lambda: next(now),
    ).run()
    states = [(result.frame is None, result.decision.state) for result in sink.results]
    assert states[0][0] is False
    assert states[1] == (True, State.UNCERTAIN)
    assert 4 <= sum(silent for silent, _ in states) <= 6
    assert "no picture" in sink.results[1].decision.reason


def test_a_camera_that_says_what_is_wrong_is_uncertain_at_once():
    source, sink = ListSource([scene(0), None, scene(1)], live=True), ListSink()
    source.problem = "usb:0: gone"
    Loop(source, build(), [sink], stale_after_s=1000).run()
    assert [result.decision.reason for result in sink.results][1] == "usb:0: gone"


def test_stop_ends_an_endless_source():
    class Endless(ListSource):
        def read(self, timeout):
            time.sleep(0.01)
            return scene(0)

    source, stop = Endless([1], live=True), threading.Event()
    worker = threading.Thread(target=Loop(source, build(), [ListSink()], stop=stop).run)
    worker.start()
    time.sleep(0.3)
    stop.set()
    worker.join(5)
    assert not worker.is_alive()
    assert source.closed == 1


def test_a_followed_face_needs_less_than_a_new_one():
    """`build_detector` alone, as `edge image` has it, keeps the whole threshold."""
    config = Config(detector=DetectorConfig(score_threshold=0.6))
    pipeline = build_pipeline(config, live=False)
    assert (pipeline.tracker.settings.sure_score, pipeline.detector.score_threshold) == (
        pytest.approx(0.68),
        pytest.approx(0.45),
    )
    assert build_detector(config).score_threshold == 0.6
    assert (
        build_pipeline(
            Config(detector=DetectorConfig(model="cascade")), live=False
        ).tracker.settings.sure_score
        == 0.0
    )
