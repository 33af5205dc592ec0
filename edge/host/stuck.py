"""Threads that do not return from a driver's call: the process has to end without waiting for them."""

from __future__ import annotations

import threading

STUCK: list[threading.Thread] = []
"""Threads that were still inside a driver when their owner was closed."""


def any_stuck() -> bool:
    """Whether such a thread still runs: an orderly end of the process would wait for it."""
    return any(thread.is_alive() for thread in STUCK)
