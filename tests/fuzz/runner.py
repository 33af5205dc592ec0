"""Feeds a target for some seconds, in a process of its own: native code may end it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
from hypothesis import HealthCheck, Phase

from tests.fuzz.target import Target
from tests.fuzz.targets import targets

BATCH = 200
"""Inputs between two looks at the clock."""

PATIENCE_S = 60.0
"""Seconds beyond the time it was given after which a process counts as hanging."""

CONTEXT = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Outcome:
    """What came of a target."""

    taken: int = 0
    """Inputs that were read."""
    refused: int = 0
    """Inputs that were refused with a word."""
    crash: bytes | None = None
    """The smallest input found that does what must not be."""
    story: str = ""
    """Of the crash: the traceback, or how the process ended."""


def fuzz(target: Target, seconds: float, seed: int, current: Path | None = None) -> Outcome:
    """Feed a target in this process. current: where each input is written before it is fed."""
    outcome, end = Outcome(), time.monotonic() + seconds
    while outcome.crash is None:
        _batch(target, seed, outcome, current)
        seed += 1
        if time.monotonic() >= end:
            break
    return outcome


def fuzz_apart(name: str, seconds: float, seed: int) -> Outcome:
    """Feed a target, by its name, in a process of its own."""
    with TemporaryDirectory() as folder:
        current = Path(folder) / "current"
        ours, theirs = multiprocessing.Pipe(duplex=False)
        child = CONTEXT.Process(target=_child, args=(name, seconds, seed, current, theirs), daemon=True)
        child.start()
        theirs.close()
        try:
            if ours.poll(seconds + PATIENCE_S):
                return ours.recv()
            ending = "does not end"
        except EOFError:
            child.join()
            ending = f"ended with {child.exitcode}"
        finally:
            child.kill()
        crash = current.read_bytes() if current.is_file() else b""
        return Outcome(crash=crash, story=f"the process {ending}")


def _child(name: str, seconds: float, seed: int, current: Path, to: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the codecs' own words
    sys.stderr = sys.stdout
    to.send(fuzz(targets()[name], seconds, seed, current))


def _batch(target: Target, seed: int, outcome: Outcome, current: Path | None) -> None:
    crash = b""

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @hypothesis.given(target.inputs)
    def feed(data: bytes) -> None:
        nonlocal crash
        if current is not None:
            current.write_bytes(data)
        try:
            taken = target.takes(data)
        except BaseException:
            crash = data
            raise
        outcome.taken += taken
        outcome.refused += not taken

    try:
        feed()
    except Exception:  # whatever it is, it is what was looked for
        outcome.crash, outcome.story = crash, traceback.format_exc(limit=-4)
