"""How long to wait before something that failed is tried again."""

import pytest

from edge.host.backoff import BackOff


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_waits_grow_and_the_last_one_repeats(clock):
    back_off = BackOff((1, 2, 4), clock=clock)
    assert [back_off.failed() for _ in range(5)] == [1, 2, 4, 4, 4]
    assert back_off.tries == 5


def test_a_try_is_due_at_once_and_after_each_failure_when_its_wait_is_over(clock):
    back_off = BackOff((1, 2), clock=clock)
    assert back_off.due
    back_off.failed()
    assert not back_off.due
    clock.now += 1
    assert back_off.due
    back_off.failed()
    clock.now += 1.9
    assert not back_off.due


@pytest.mark.parametrize(("seconds", "wait"), [(9.9, 4), (10.0, 1)])
def test_the_waits_begin_anew_only_after_a_steady_time(clock, seconds, wait):
    back_off = BackOff((1, 2, 4), steady_s=10, clock=clock)
    back_off.failed(), back_off.failed()
    back_off.works()
    clock.now += seconds
    back_off.works()  # said again: it has worked all the time
    assert back_off.steady == (wait == 1)
    assert back_off.failed() == wait


def test_a_steady_time_counts_once(clock):
    back_off = BackOff((1, 2, 4), steady_s=10, clock=clock)
    back_off.works()
    clock.now += 60
    assert [back_off.failed(), back_off.failed()] == [1, 2]


def test_without_a_steady_time_one_success_is_enough(clock):
    back_off = BackOff((1, 2, 4), clock=clock)
    back_off.failed(), back_off.failed()
    back_off.works()
    assert back_off.failed() == 1


def test_reset_makes_the_next_failure_the_first(clock):
    back_off = BackOff((1, 2, 4), steady_s=10, clock=clock)
    back_off.failed(), back_off.failed()
    back_off.reset()
    assert (back_off.failed(), back_off.tries) == (1, 1)
