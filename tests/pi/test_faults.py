"""A minute of the day of faults (faults.py), and the judge of the relay on made-up records."""

import json
import socket
import time

import pytest

from tests.pi import faults
from tests.pi.faults import Door, Trouble, goes_on
from tests.pi.relay_watch import RelayWatch

pytest.importorskip("gpiozero")


@pytest.mark.slow
def test_the_door_is_safe_through_a_minute_of_faults_and_comes_back(tmp_path, monkeypatch, capsys):
    """The camera cuts its frames, nobody reads the log, the loop hangs, the process is stopped."""
    monkeypatch.setattr(faults, "FAULT_S", 6.0)
    names = ["camera cut", "log read by nobody", "loop hangs", "process stopped"]
    assert faults.run(names, minutes=0, rounds=1, log=tmp_path / "log") == []
    seen = capsys.readouterr().out
    assert all(f"  {name} " in seen for name in names)
    assert seen.count("works again") == len(names)


def watched(*records: dict) -> RelayWatch:
    """A watch that was told these, and nothing of the time now."""
    watch = RelayWatch(None, "GPIO26", stale_after_s=3.0)
    for record in records:
        watch._note(**record)
    return watch


def said(at: float, state: str) -> dict:
    return {"at": at, "state": state}


def relay(at: float, level: bool, pin: str = "GPIO26") -> dict:
    return {"at": at, "pin": pin, "level": level}


def test_a_relay_that_opens_in_time_is_right():
    watch = watched(said(1, "pass"), relay(1, True), said(2, "pass"), relay(5.1, False))
    assert watch.take_faults() == []
    assert watch.latest_s == pytest.approx(3.1)
    watch = watched(said(1, "pass"), relay(1, True), said(2, "deny"), said(2.1, "deny"), relay(2.2, False))
    assert watch.take_faults() == []
    assert watch.slowest_s == pytest.approx(0.2)


def test_the_other_pins_are_not_the_relay():
    assert watched(said(1, "deny"), relay(1, True, "GPIO17")).take_faults() == []


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ((said(1, "pass"), relay(1, True), relay(4.6, False)), "closed 3.6 s after the last pass"),
        ((said(1, "pass"), relay(1, True), said(2, "deny"), relay(2.6, False)), "after the door said deny"),
        ((said(1, "uncertain"), relay(1, True)), "closes while the door says uncertain"),
    ],
)
def test_a_relay_that_is_closed_when_it_must_not_be_is_a_fault(records, fault):
    (seen,) = watched(*records).take_faults()
    assert fault in seen


def test_a_relay_that_never_opens_is_a_fault_too():
    watch = watched(said(time.monotonic() - 9, "pass"), relay(time.monotonic() - 9, True))
    watch._look(time.monotonic())
    assert "after the last pass" in watch.take_faults()[0]


def test_time_in_which_the_process_stands_still_does_not_count(monkeypatch):
    now = [1.0]
    monkeypatch.setattr("tests.pi.relay_watch.time.monotonic", lambda: now[0])
    watch = watched(said(1, "pass"), relay(1, True))
    watch.stopped()
    now[0] = 9.0
    watch.goes_on()
    watch._note(**relay(9.2, False))
    assert watch.take_faults() == []
    assert watch.latest_s == pytest.approx(1.2 - 1.0)


def test_the_socket_brings_records_and_takes_orders():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    watch = RelayWatch(ours, "GPIO26", 3.0)
    watch.start()
    theirs.send(json.dumps(said(1, "deny")).encode())
    while watch.results < 1:
        time.sleep(0.01)
    assert watch.state == "deny"
    watch.order(hang_s=2)
    assert json.loads(theirs.recv(100)) == {"hang_s": 2}
    theirs.close()
    watch.close()


def test_a_door_that_stands_still_is_trouble(monkeypatch):
    monkeypatch.setattr(faults, "FAULT_S", 0.1)
    with pytest.raises(Trouble, match="0 decisions"):
        goes_on(Door(None, watched(said(1, "pass"))))
