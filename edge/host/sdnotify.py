"""Tells systemd that the loop is ready, that it is alive, and what it decides.

The protocol is sd_notify(3): datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
Nothing is sent where systemd does not listen.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

from edge.errors import printable
from edge.host.service_state import ServiceState, StateFile, service_state
from edge.types import FrameResult

MOST_DIGITS = 18
"""Of WATCHDOG_USEC: 10^18 microseconds are 30,000 years."""

RATE_EVERY_S = 10.0
"""Seconds between two measurements of the frame rate; a new decision is in the status at once."""


class Notifier:
    """Sends sd_notify(3) messages.

    A message that cannot be sent is dropped: the door goes on, and systemd's watchdog notices the silence.
    """

    active: bool
    """Whether systemd listens."""

    watchdog_s: float | None
    """Seconds within which systemd expects the next WATCHDOG=1; None: it expects none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.active = self._address is not None
        self.watchdog_s = _watchdog_s(environment) if self.active else None

    def send(self, *lines: str) -> None:
        """Send lines of the form `NAME=value`, as sd_notify(3) lists them."""
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
    """What the loop tells systemd, and through a file the doctor.

    The loop itself calls `step`, so that systemd notices a stage that hangs.

    state: the file that the doctor reads; None: there is none. clock: monotonic seconds.
    """

    def __init__(
        self, notifier: Notifier, state: StateFile | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notifier, self._state, self._clock = notifier, state, clock
        # A quarter of the time that is allowed: a few slow frames must not look like a hang.
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
        """One round of the loop is over.

        frames: number of frames so far. latest: the latest result; None before the first.
        """
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
        """The loop has ended; source, sinks and models are being closed."""
        self._notifier.send("STOPPING=1", "STATUS=stopping")

    def _say(self, state: ServiceState) -> None:
        if state == self._said:
            return
        self._said = state
        self._notifier.send(f"STATUS={printable(state.line())}")
        if self._state is not None:
            self._state.write(state)


def _address(text: str) -> str | None:
    """The socket's address; `@` means an abstract socket. None for other kinds, such as vsock."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The interval of sd_watchdog_enabled(3); None if there is none, or it is meant for another process."""
    own = str(os.getpid())
    microseconds, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", own)
    if not microseconds.isdecimal() or len(microseconds) > MOST_DIGITS or process != own:
        return None
    return int(microseconds) / 1e6 or None
