"""How a run ends: signals ask for it, and outputs become safe even where the program hangs."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from edge.host.logs import flush_log
from edge.host.safety import make_all_safe

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Ctrl-C, systemd or `kill`, a terminal that is closed, Ctrl-\\."""

INSIST_S = 5.0
"""Seconds after a signal in which the run must end; then outputs are made safe and the process is ended."""


class StoppedError(BaseException):
    """A signal came while the door was being opened. Not an Exception: nothing on the way may take it for a
    fault.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


class Ending:
    """From `with` on, a signal sets `stop`; one that comes before `opened` is called raises StoppedError at
    once.

    A thread of its own hears the signals, so that they count even while the main thread hangs in a driver or
    in a write: if the block is not left within `insist_s` seconds, or at a second signal, outputs are made
    safe and `leave` ends the process with 128 + the signal's number. A signal that is ignored (nohup) stays
    ignored.
    """

    def __init__(
        self,
        stop: threading.Event,
        insist_s: float = INSIST_S,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._stop, self._insist_s, self._leave = stop, insist_s, leave
        self._opening = True
        self._previous: dict[signal.Signals, Any] = {}
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="ending", daemon=True)

    def __enter__(self) -> Ending:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python gives signals to the main thread alone
        self._theirs.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            signal.set_wakeup_fd(-1)
            self._theirs.close()  # the thread hears that as the end
            self._thread.join(timeout=1.0)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._ours.close()
        self._theirs.close()

    def opened(self) -> None:
        """The door is open: from now on it closes by itself once `stop` is set."""
        self._opening = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, when it comes to it."""
        self._stop.set()
        if self._opening:
            self._opening = False  # a second signal must not disturb the closing of what is open
            raise StoppedError(signal.Signals(number))

    def _listen(self) -> None:
        number = self._next_signal(None)
        if number is None:
            return
        self._stop.set()
        log.info("stopping (%s)", number.name)
        second = self._next_signal(self._insist_s)
        if second is None and self._ended:
            return
        make_all_safe()
        if second is None:
            log.error("the program does not end within %g s: outputs are off, it is ended", self._insist_s)
        flush_log()
        self._leave(128 + number)

    _ended = False

    def _next_signal(self, timeout_s: float | None) -> signal.Signals | None:
        """The next of SIGNALS; None when the block was left (`_ended`), or after the timeout."""
        self._ours.settimeout(timeout_s)
        try:
            while data := self._ours.recv(1):
                if data[0] in self._previous:
                    return signal.Signals(data[0])
        except TimeoutError:
            return None
        except OSError:  # closed
            pass
        self._ended = True
        return None
