"""Tells systemd how the loop is doing: ready, alive, and what it decides. Does nothing where systemd does not listen.

The protocol is sd_notify(3): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

from edge.host.service_state import ServiceState, StateFile, service_state
from edge.types import FrameResult

RATE_EVERY_S = 10.0
"""Seconds between two counts of the frame rate in the status; a new decision shows at once."""


class Notifier:
    """Sends sd_notify(3) messages.

    active: whether anybody listens. watchdog_s: systemd wants to hear WATCHDOG=1 at least every this many seconds.
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
    """What the loop reports to systemd, and to the doctor by a file.

    `step` is called by the loop itself, so that a stage that hangs is noticed as silence.
    state: where to write what the doctor reads, or None. clock: seconds, monotonic.
    """

    def __init__(
        self, notifier: Notifier, state: StateFile | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._state, self._clock = notifier, state, clock
        # A quarter of what is allowed: a slow frame or two must not look like a hang.
        self._beat_every_s = notifier.watchdog_s / 4 if notifier.watchdog_s else None
        self._beat_at = self._counted_from = clock()
        self._frames = 0
        self._fps: float | None = None
        self._said: ServiceState | None = None

    def ready(self) -> None:
        """The models are loaded and have run once."""
        self._beat_at = self._counted_from = self._clock()
        self._notifier.send("READY=1", "STATUS=ready, waiting for the first picture")

    def step(self, frames: int, latest: FrameResult | None) -> None:
        """One round of the loop is over. frames: processed so far. latest: None before the first result."""
        now = self._clock()
        if self._beat_every_s is not None and now - self._beat_at >= self._beat_every_s:
            self._notifier.send("WATCHDOG=1")
            self._beat_at = now
        if now - self._counted_from >= RATE_EVERY_S:
            self._fps = round((frames - self._frames) / (now - self._counted_from), 1)
            self._frames, self._counted_from = frames, now
        if latest is not None:
            self._say(service_state(latest, self._fps))

    def stopping(self) -> None:
        """The loop has ended; what holds a resource is being closed."""
        self._notifier.send("STOPPING=1", "STATUS=stopping")

    def _say(self, state: ServiceState) -> None:
        if state == self._said:
            return
        self._said = state
        self._notifier.send(f"STATUS={state.line()}")
        if self._state is not None:
            self._state.write(state)


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
