"""The loop: sources that end, fall silent or break, stages and sinks that fail."""

import threading
import time

import numpy as np
import pytest

from edge.errors import SourceError, StageError
from edge.loop import Loop
from edge.types import Cause, Problem, State
from tests.pipelines import ListSink, ListSource, build, scene


def test_the_loop_hands_every_frame_to_every_sink_and_closes_all():
    source, sinks = ListSource(scene(i) for i in range(5)), [ListSink("a"), ListSink("b")]
    loop = Loop(source, build(), sinks)
    loop.run()
    assert loop.counts.frames == 5
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

    def detect(self, frame, threshold=None):
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
    source.problem = Problem(Cause.CAMERA_LOST, "usb:0: gone")
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


@pytest.mark.parametrize(
    ("seconds", "live", "state"),
    [(4.0, True, State.PASS), (6.0, True, State.UNCERTAIN), (6.0, False, State.PASS)],
)
def test_a_live_frame_that_was_held_up_shows_the_past(seconds, live, state):
    """As where the process was stopped (SIGSTOP) while a model ran, and continued much later."""
    pipeline, sink = build(), ListSink()
    source = ListSource((scene(i) for i in range(20)), live=live)
    now = [0.0]

    class HeldUp(Moody):
        def detect(self, frame, threshold=None):
            now[0] = frame.captured_at + (seconds if frame.index == 19 else 0.0)
            return super().detect(frame)

    pipeline.detector = HeldUp(pipeline.detector, ())
    Loop(source, pipeline, [sink], clock=lambda: now[0]).run()
    assert sink.results[18].decision.state is State.PASS
    assert sink.results[19].decision.state is state
