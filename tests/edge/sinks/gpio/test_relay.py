"""The relay: when it closes, and all that opens it."""

import logging
import threading
from dataclasses import replace

import pytest

from edge.host.safety import make_all_safe
from edge.types import State
from tests.edge.sinks.builders import make_result
from tests.edge.sinks.gpio.builders import ALL, levels, until

pytest.importorskip("gpiozero")


def test_the_relay_opens_by_itself_and_closes_again_only_after_a_change(make, factory):
    sink = make(replace(ALL, relay_max_on_s=0.1))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]
    until(lambda: levels(factory, 26) == [0])
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [0]
    sink.handle(make_result(State.UNCERTAIN))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]


@pytest.mark.parametrize("state", [State.DENY, State.UNCERTAIN, State.IDLE])
def test_the_relay_opens_at_once_when_the_decision_changes(make, factory, state):
    sink = make()
    sink.handle(make_result(State.PASS))
    sink.handle(make_result(state))
    assert levels(factory, 26) == [0]


def test_a_relay_may_sound_an_alarm_instead(make, factory):
    sink = make(replace(ALL, relay_on="deny"))
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [0]
    sink.handle(make_result(State.DENY))
    assert levels(factory, 26) == [1]


def test_a_loop_that_hangs_opens_the_relay_and_shows_uncertain(make, factory, caplog):
    caplog.set_level(logging.INFO)
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=3.0, uncertain_lamp="steady"), clock=lambda: now[0])
    sink.handle(make_result(State.PASS))
    now[0] = 2.9
    sink.fail_safe_if_stale()
    assert levels(factory, 26, 22) == [1, 1]
    now[0] = 3.1
    sink.fail_safe_if_stale()
    sink.fail_safe_if_stale()
    assert levels(factory, 26, 22, 27) == [0, 0, 1]
    sink.handle(make_result(State.PASS))
    assert levels(factory, 26, 22) == [1, 1]
    messages = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING or "again" in record.getMessage()
    ]
    assert messages == [
        "gpio: no decision for 3 s: showing uncertain, relay open",
        "gpio: decisions come again",
    ]


def test_the_relay_opens_half_a_second_late_at_most_however_long_the_limit_is(make, factory):
    """A look every quarter of `stale_after_s` came 15 s late where that is 60."""
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=60.0, relay_max_on_s=600.0), clock=lambda: now[0])
    sink.handle(make_result(State.PASS))
    now[0] = 60.1
    until(lambda: levels(factory, 26) == [0], seconds=2.0)


def test_a_slow_loop_is_not_a_hanging_one(make, factory, caplog):
    caplog.set_level(logging.WARNING)
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=3.0), clock=lambda: now[0])
    for second in range(0, 20, 2):
        now[0] = float(second)
        sink.fail_safe_if_stale()
        sink.handle(make_result(State.PASS))
    assert levels(factory, 26) == [1]
    assert not caplog.records


def test_the_watch_runs_by_itself(make, factory):
    sink = make(replace(ALL, stale_after_s=0.5))
    sink.handle(make_result(State.PASS))
    until(lambda: levels(factory, 26) == [0], 3)


class BlockedLog(logging.Handler):
    """A log that nobody reads: whoever says something waits."""

    def __init__(self):
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def emit(self, record):
        self.reached.set()
        self.go.wait(10)


@pytest.fixture
def blocked_log():
    root, log = logging.getLogger(), BlockedLog()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [log]
    root.setLevel(logging.INFO)
    yield log
    log.go.set()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_that_nobody_reads_does_not_keep_the_relay_closed(make, factory, blocked_log):
    """The loop waits in the log, holding the log's lock; the guard opens the relay before it says so."""
    now = [0.0]
    sink = make(replace(ALL, stale_after_s=3.0), clock=lambda: now[0])
    loop = threading.Thread(target=lambda: sink.handle(make_result(State.PASS)), daemon=True)
    loop.start()  # a mock says what the lamps do: it waits there
    assert blocked_log.reached.wait(5)
    assert levels(factory, 26) == [1]
    now[0] = 3.1
    guard = threading.Thread(target=sink.fail_safe_if_stale, daemon=True)
    guard.start()
    until(lambda: levels(factory, 26) == [0])
    blocked_log.go.set()
    loop.join(5)
    guard.join(5)


def test_the_end_opens_the_relay_whatever_the_other_threads_are_doing(make, factory, blocked_log):
    sink = make()
    threading.Thread(target=lambda: sink.handle(make_result(State.PASS)), daemon=True).start()
    assert blocked_log.reached.wait(5)
    with sink._lock:  # somebody holds it and does not come back
        make_all_safe(2)
        assert levels(factory, 26) == [0]
    blocked_log.go.set()
