"""What a target is: something that reads what comes from outside, and the inputs that it is fed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

LONGEST = 3000
"""Characters of a refusal: more is no line for a person."""

SLOWEST_S = 20.0
"""Seconds of the processor for one input: what takes longer is a fault, too."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads what comes from outside."""

    name: str
    inputs: st.SearchStrategy[bytes]
    feed: Callable[[bytes], object]
    """Reads one input."""
    refusal: type[Exception] | tuple[()] = ()
    """What it raises for an input that it does not take; () where it takes all."""

    def takes(self, data: bytes) -> bool:
        """Feed one input. False: it was refused. Whatever else is raised is a find."""
        began = time.process_time()
        try:
            self.feed(data)
            taken = True
        except self.refusal as error:
            taken = False
            check_words(str(error))
        seconds = time.process_time() - began
        assert seconds < SLOWEST_S, f"took {seconds:.0f} s of the processor"
        return taken


def check_words(text: str) -> None:
    """A refusal is one line of words that a terminal can show."""
    assert text and text.isprintable(), f"not one line that can be shown: {text[:300]!r}"
    assert len(text) < LONGEST, f"{len(text)} characters: {text[:300]!r}"


@contextmanager
def little_memory(most_mb: float) -> Iterator[None]:
    """Raises AssertionError where more is taken in between, for however short a time."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # proc(5): the peak is counted anew
    except OSError:
        yield  # a kernel that does not count it
        return
    before = _status_mb("VmRSS")
    try:
        yield
    finally:
        taken = _status_mb("VmHWM") - before
        assert taken <= most_mb, f"took {taken:.0f} MB"


def _status_mb(key: str) -> float:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


def made(make: Callable[[Random], Any]) -> st.SearchStrategy[bytes]:
    """What `make` makes of a Random, as JSON. Not made smaller when it fails, but it may have any form."""
    return st.integers(0, 2**64).map(lambda seed: json.dumps(make(Random(seed))).encode())
