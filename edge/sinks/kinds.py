"""The list of all kinds of sinks.

A new sink is a file with a `KIND`, and an entry here. Code that needs the list reads `kinds.KINDS`.
"""

from __future__ import annotations

from typing import Any

from edge.sinks import jsonl, log, snapshot
from edge.sinks.base import SinkKind
from edge.sinks.gpio import kind as gpio
from edge.sinks.screen import kind as screen
from edge.sinks.window import kind as window
from edge.web import kind as web

KINDS: tuple[SinkKind[Any], ...] = (
    gpio.KIND,  # before anything that may take its time: a relay must open at once
    screen.KIND,
    log.KIND,
    jsonl.KIND,
    snapshot.KIND,
    window.KIND,
    web.KIND,
)
"""In the order in which they get each result."""
