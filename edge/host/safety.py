"""Outputs that must be off when the program ends, whatever state it is in: relays, lamps, a buzzer.

An output registers what makes it safe. That call takes no lock which another thread may hold while it is
blocked.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

MakeSafe = Callable[[], object]

SAFE_WITHIN_S = 1.0
"""Seconds that all outputs together get: a bus that hangs must not keep the program from ending."""

_guarded: list[MakeSafe] = []


def guard(make_safe: MakeSafe) -> Callable[[], None]:
    """Register what makes an output safe; it may be called from any thread. Returns what ends the
    registration.
    """
    _guarded.append(make_safe)

    def release() -> None:
        with contextlib.suppress(ValueError):  # released already
            _guarded.remove(make_safe)

    return release


def make_all_safe(timeout_s: float = SAFE_WITHIN_S) -> None:
    """Make every registered output safe, each by a thread of its own, within `timeout_s` seconds."""
    threads = [threading.Thread(target=_surely, args=(make,), daemon=True) for make in list(_guarded)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)


def _surely(make_safe: MakeSafe) -> None:
    with contextlib.suppress(Exception):  # there is nobody left to tell
        make_safe()
