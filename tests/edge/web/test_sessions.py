"""Sessions end, are few, and end streams; failed logins are limited for each address."""

from edge.web.accounts import Role
from edge.web.limits import ADDRESSES_AT_MOST, FAILURES_AT_MOST, WITHIN_S, FailureLimit
from edge.web.sessions import IDLE_S, LONGEST_S, SESSIONS_AT_MOST, Sessions


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_session_is_found_by_its_id_alone():
    sessions = Sessions(Clock())
    name, other = sessions.begin(Role.VIEWER), sessions.begin(Role.ADMIN)
    assert name != other
    assert len(name) >= 43
    assert sessions.find(name).role is Role.VIEWER
    assert sessions.find(other).role is Role.ADMIN
    assert sessions.find("") is None
    assert sessions.find(name[:-1]) is None


def test_a_session_ends_when_it_is_idle_and_lives_while_it_is_used():
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.begin(Role.ADMIN)
    for _ in range(3):
        clock.now += IDLE_S - 1
        assert sessions.find(name)
    clock.now += IDLE_S
    assert sessions.find(name) is None


def test_a_session_ends_after_a_month_however_busy():
    clock = Clock()
    sessions = Sessions(clock)
    name = sessions.begin(Role.ADMIN)
    session = sessions.find(name)
    while clock.now < 1000 + LONGEST_S - IDLE_S / 2:
        clock.now += IDLE_S / 2
        assert sessions.find(name)
    clock.now += IDLE_S / 2
    assert sessions.find(name) is None
    assert session.ended


def test_logging_out_ends_what_runs():
    sessions = Sessions(Clock())
    name = sessions.begin(Role.ADMIN)
    session = sessions.find(name)
    sessions.end(name)
    sessions.end("unknown")
    assert session.ended
    assert sessions.find(name) is None


def test_the_session_that_was_idle_longest_makes_room():
    sessions = Sessions(Clock())
    names = [sessions.begin(Role.ADMIN) for _ in range(SESSIONS_AT_MOST)]
    sessions.find(names[0])
    sessions.begin(Role.ADMIN)
    assert sessions.find(names[0])
    assert sessions.find(names[1]) is None


def test_an_address_waits_after_some_failures_and_others_do_not():
    clock = Clock()
    limit = FailureLimit(clock)
    for _ in range(FAILURES_AT_MOST):
        assert limit.wait_s("192.0.2.1") == 0
        limit.failed("192.0.2.1")
        clock.now += 1
    assert limit.wait_s("192.0.2.1") == WITHIN_S - FAILURES_AT_MOST
    assert limit.wait_s("192.0.2.2") == 0
    clock.now += WITHIN_S - FAILURES_AT_MOST
    assert limit.wait_s("192.0.2.1") == 0


def test_a_network_of_ipv6_counts_as_one_address():
    limit = FailureLimit(Clock())
    for host in range(FAILURES_AT_MOST):
        limit.failed(f"2001:db8:1:2::{host}")
    assert limit.wait_s("2001:db8:1:2:ffff::1") > 0
    assert limit.wait_s("2001:db8:1:3::1") == 0


def test_many_addresses_do_not_fill_the_memory():
    limit = FailureLimit(Clock())
    for number in range(ADDRESSES_AT_MOST + 50):
        limit.failed(f"10.{number >> 8}.{number & 255}.1")
    assert len(limit._failures) == ADDRESSES_AT_MOST
