"""A sink that fails comes back, less and less often tried, and is said once."""

import itertools
import logging

import pytest

from edge.errors import MissingLibraryError, SinkError
from edge.sinks.retry import WAITS_S, RetryingSink
from tests.edge.sinks.builders import make_result


class Flaky:
    """Works while `works` is true."""

    name = "flaky"

    def __init__(self):
        self.works, self.opened, self.seen, self.open = True, 0, 0, 0

    def make(self):
        if not self.works:
            raise SinkError("flaky: not there")
        self.opened += 1
        self.open += 1
        return self

    def handle(self, result):
        if not self.works:
            raise SinkError("flaky: gone")
        self.seen += 1

    def close(self):
        self.open -= 1


@pytest.fixture
def now():
    return [0.0]


def test_it_comes_back_with_growing_waits(now, caplog):
    caplog.set_level(logging.INFO)
    flaky = Flaky()
    sink = RetryingSink("flaky", flaky.make, lambda: now[0])
    sink.handle(make_result())
    flaky.works = False
    tries = []
    real = flaky.make
    sink._make = lambda: (tries.append(now[0]), real())[1]
    for tenth in range(1, 1000):
        now[0] = tenth / 10
        sink.handle(make_result())
    waits = [round(b - a, 1) for a, b in itertools.pairwise(tries)]
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(waits) <= WAITS_S[-1] + 0.1
    assert flaky.open == 0
    flaky.works = True
    now[0] += WAITS_S[-1]
    sink.handle(make_result())
    assert (flaky.seen, flaky.opened, flaky.open) == (2, 2, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "flaky: gone; the rest goes on, and flaky is tried again from time to time",
        "flaky: not there; the rest goes on, and flaky is tried again from time to time",
        "flaky: works again",
    ]
    flaky.works = False
    sink.handle(make_result())
    before = len(tries)
    now[0] += 1.0
    sink.handle(make_result())
    assert len(tries) == before + 1, "the wait begins anew"
    sink.close()
    sink.close()
    assert flaky.open == 0


def test_what_is_not_there_at_the_start_may_come_later(now):
    flaky = Flaky()
    flaky.works = False
    sink = RetryingSink("flaky", flaky.make, lambda: now[0])
    sink.handle(make_result())
    flaky.works, now[0] = True, 1.0
    sink.handle(make_result())
    assert flaky.seen == 1


def test_a_closed_sink_is_not_opened_again(now):
    flaky = Flaky()
    sink = RetryingSink("flaky", flaky.make, lambda: now[0])
    sink.close()
    now[0] = 100.0
    sink.handle(make_result())
    assert (flaky.opened, flaky.seen) == (1, 0)


def test_a_missing_library_is_not_waited_for(now):
    def make():
        raise MissingLibraryError("no luma")

    with pytest.raises(MissingLibraryError):
        RetryingSink("screen", make, lambda: now[0])
