"""Tells systemd how the loop is doing: ready, alive, and what it decides. Does nothing where systemd does not listen.

The protocol is sd_notify(3): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

from edge.types import Decision

RATE_EVERY_S = 10.0
"""So often is the frame rate in the status counted; a new decision shows at once."""


class Notifier:
    """Sends sd_notify(3) messages.

    active: whether anybody listens. watchdog_s: within so many seconds systemd wants to hear WATCHDOG=1, or None.
    A message that cannot be sent is dropped: the door goes on without its supervisor, and systemd's watchdog notices the silence.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.active = self._address is not None
        self.watchdog_s = _watchdog_s(environment) if self.active else None

    def send(self, *lines: str) -> None:
        """Each line is `NAME=value`, as sd_notify(3) lists them."""
        if self._address is None:
            return
        with socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        ) as channel:
            try:
                channel.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                pass


class Supervision:
    """What the loop reports to systemd. `step` is called by the loop itself, so that a stage that hangs is noticed as silence.

    clock: seconds, monotonic.
    """

    def __init__(self, notifier: Notifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._notifier, self._clock = notifier, clock
        # A quarter of what is allowed: a slow frame or two must not look like a hang.
        self._beat_every_s = notifier.watchdog_s / 4 if notifier.watchdog_s else None
        self._beat_at = self._counted_from = clock()
        self._frames, self._rate, self._said = 0, "", ""

    def ready(self) -> None:
        """The models are loaded and have run once."""
        self._beat_at = self._counted_from = self._clock()
        self._notifier.send("READY=1", "STATUS=ready, waiting for the first picture")

    def step(self, frames: int, decision: Decision | None, degraded: str = "") -> None:
        """One round of the loop is over. frames: processed so far. decision: the latest, None before the first. degraded: as in FrameResult."""
        now = self._clock()
        if self._beat_every_s is not None and now - self._beat_at >= self._beat_every_s:
            self._notifier.send("WATCHDOG=1")
            self._beat_at = now
        if now - self._counted_from >= RATE_EVERY_S:
            self._rate = f"; {(frames - self._frames) / (now - self._counted_from):.1f} fps"
            self._frames, self._counted_from = frames, now
        if decision is not None:
            fault = f"; DEGRADED: {degraded}" if degraded else ""
            self._say(f"STATUS={decision.state.upper()}: {decision.reason}{self._rate}{fault}")

    def stopping(self) -> None:
        """The loop has ended; what holds a resource is being closed."""
        self._notifier.send("STOPPING=1", "STATUS=stopping")

    def _say(self, line: str) -> None:
        if line != self._said:
            self._notifier.send(line)
            self._said = line


def _address(text: str) -> str | None:
    """The address to send to; an abstract socket's `@` stands for a NUL. Other kinds (vsock) are not supported."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The interval of sd_watchdog_enabled(3), or None if there is none or it is meant for another process."""
    microseconds, process = (
        environment.get("WATCHDOG_USEC", ""),
        environment.get("WATCHDOG_PID", str(os.getpid())),
    )
    if not microseconds.isdecimal() or process != str(os.getpid()):
        return None
    return int(microseconds) / 1e6 or None
