"""How a run ends: by every signal that ends a process, at every point, with outputs off."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from edge.host.ending import SIGNALS, Ending, StoppedError
from edge.host.safety import guard, make_all_safe
from tests.builders import ROOT


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_sets_stop(number):
    stop = threading.Event()
    before = signal.getsignal(number)
    with Ending(stop) as ending:
        ending.opened()
        signal.raise_signal(number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_door_opens_ends_that_at_once(number):
    with pytest.raises(StoppedError) as caught, Ending(threading.Event()):
        signal.raise_signal(number)
        time.sleep(5)
    assert caught.value.number is number


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = threading.Event()
        with Ending(stop) as ending:
            ending.opened()
            signal.raise_signal(signal.SIGHUP)
            assert not stop.wait(0.05)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("times", [1, 2], ids=["it hangs", "a second signal"])
def test_a_program_that_hangs_is_ended_with_its_outputs_off(times):
    """The main thread sits in a write that nobody reads: no Python code runs there any more."""
    code = f"""
        import os, signal, threading
        from edge.host.ending import Ending
        from edge.host.safety import guard
        ours, theirs = os.pipe()
        guard(lambda: os.write(2, b"off\\n"))
        with Ending(threading.Event(), insist_s={0.3 if times == 1 else 60}) as ending:
            ending.opened()
            os.write(1, b"in\\n")
            while True:
                os.write(theirs, bytes(65536))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline() == b"in\n"
        for _ in range(times):
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert b"off" in err


def test_one_output_that_hangs_does_not_keep_the_others_on():
    done, never = [], threading.Event()
    releases = [guard(lambda: never.wait(30)), guard(lambda: 1 / 0), guard(lambda: done.append("relay"))]
    make_all_safe(0.1)
    assert done == ["relay"]
    for release in releases:
        release()
        release()
    make_all_safe(0.1)
    assert done == ["relay"]
    never.set()


def test_the_descriptors_are_given_back():
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    with Ending(threading.Event()):
        pass
    before = count()
    for _ in range(5):
        with Ending(threading.Event()) as ending:
            ending.opened()
    assert count() == before
