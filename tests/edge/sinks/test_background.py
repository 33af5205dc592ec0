"""The background worker: a slow sink holds nobody up."""

import threading

import pytest

from edge.errors import SinkError
from edge.sinks.base import BackgroundSink
from tests.edge.sinks.builders import make_result


class SlowSink:
    name = "slow"

    def __init__(self):
        self.seen, self.go, self.closed = [], threading.Event(), False

    def handle(self, result):
        self.go.wait(5)
        self.seen.append(result.frame.index)

    def close(self):
        self.closed = True


def test_a_slow_sink_holds_nobody_up_and_loses_the_oldest():
    slow = SlowSink()
    sink = BackgroundSink(slow, size=2)
    for index in range(10):
        sink.handle(make_result(index=index))
    slow.go.set()
    sink.close()
    assert slow.seen[-1] == 9
    assert sink.dropped >= 7
    assert slow.closed


def test_a_sink_that_fails_in_the_background_is_logged_and_goes_on(caplog):
    class Broken(SlowSink):
        def handle(self, result):
            self.seen.append(result.frame.index)
            raise SinkError("no room")

    broken = Broken()
    sink = BackgroundSink(broken)
    sink.handle(make_result(index=0))
    sink.handle(make_result(index=1))
    sink.close()
    assert broken.seen == [0, 1]
    assert "no room" in caplog.text


def test_a_sink_that_breaks_in_the_background_is_not_silent():
    class Broken(SlowSink):
        def handle(self, result):
            raise KeyError("font")

    broken = Broken()
    sink = BackgroundSink(broken)
    sink.handle(make_result())
    sink._thread.join(5)
    with pytest.raises(SinkError, match="KeyError: 'font'"):
        sink.handle(make_result())
    sink.close()
    assert broken.closed
