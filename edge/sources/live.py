"""A live source read by a thread: the newest frame wins, and a source that is lost or hangs is noticed."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from math import inf

from edge.errors import CameraHangsError, SourceError, one_line
from edge.host.backoff import BackOff
from edge.host.stuck import STUCK
from edge.sources.base import Source, SourceDefaults
from edge.sources.freeze import FreezeWatch
from edge.types import CAUSE_WORDS, Cause, Frame, Problem, is_hole

log = logging.getLogger(__name__)

BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to open a lost source; the last one repeats."""

STEADY_S = 30.0
"""Seconds that a source must have given frames before the waits start again from the first.

One that comes and goes waits longer each time.
"""

REMIND_EVERY_S = 600.0
"""Seconds between two lines in the log that a source is still lost."""

HANGS_AFTER_S, GIVES_UP_AFTER_S = 12.0, 30.0
"""Seconds of one call into a source: after the first it hangs, after the second the process has to end.

A driver's own time-outs end within 10 s.
"""

FROZEN_AFTER_S = 15.0
"""Seconds with the same picture, bit by bit, after which a camera is opened again.

The decision was `uncertain` long before.
"""


HANG_CURE = "ending, so that the service starts again; if that does not help, unplug the camera or its power"


class LiveFeed(SourceDefaults):
    """Wraps a live source in a thread, and opens it again when it is lost.

    A slot holds one frame; a newer one replaces it, and `dropped` counts that.

    A call into a driver may never return, and neither the thread nor the device that it holds can be taken
    from it. After HANGS_AFTER_S that is the `problem`; after GIVES_UP_AFTER_S `read` raises CameraHangsError,
    for the process to end and systemd to start it again.
    """

    live = True

    lost: int
    """How many times the source was lost so far."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        back_off: Sequence[float] = BACK_OFF_S,
        wait: bool = False,
        name: str = "camera",
        hangs_after_s: float = HANGS_AFTER_S,
        gives_up_after_s: float = GIVES_UP_AFTER_S,
        frozen_after_s: float = FROZEN_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
        hang_cure: str = HANG_CURE,
        opens_within_s: float = GIVES_UP_AFTER_S,
    ) -> None:
        """Open the source for the first time, and wait for that: so a wrong address is an error.

        wait: True, as a service wants it: a source that is not there yet is tried again like a lost one.
        name: the source's, until it is open. frozen_after_s: infinite for a source that may stand still.
        clock: monotonic seconds. The time limits are those above; tests have others.
        hang_cure: what the error advises for a driver that never returns. opens_within_s: seconds that the
        first opening may take.

        Raises CameraHangsError where the driver does not come back from opening.
        """
        self._open, self._clock = open_source, clock
        self._back_off = BackOff(back_off, STEADY_S, clock)
        self._freeze_watch = FreezeWatch(frozen_after_s)
        self._hangs_after_s, self._gives_up_after_s = hangs_after_s, gives_up_after_s
        self._hang_cure = hang_cure
        self.name, self.dropped, self.lost = name, 0, 0
        self._calling_since: float | None = None  # a call into the source that has not returned
        self._first_frame_at: float | None = None  # since the source was opened
        self._say_problem_at = -inf
        self._relapses, self._lost_at = 0, 0.0  # losses since it last ran steadily
        self._source: Source | None = None
        self._slot: Frame | None = None
        self._put_at = 0.0
        self._finished = False
        self._condition = threading.Condition()
        self._stop = threading.Event()
        self._open_first(wait, opens_within_s)
        self._thread = threading.Thread(target=self._capture, name=f"capture {self.name}", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return self._finished and self._slot is None

    def read(self, timeout: float) -> Frame | None:
        """The newest frame, at most once; None after `timeout` seconds without a new one.

        Raises CameraHangsError.
        """
        deadline = time.monotonic() + timeout
        with self._condition:
            while self._slot is None and not self._finished:
                left = deadline - time.monotonic()
                if left <= 0 or not self._condition.wait(left):
                    break
            frame, self._slot = self._slot, None
        if frame is None:
            self._look_for_a_hang()
        elif is_hole(self._put_at, self._clock()):  # it waited while this process was stopped
            self.dropped += 1
            return None
        return frame

    def close(self) -> None:
        self._stop.set()
        # A driver may hang inside read(); the thread is a daemon, so that it cannot keep the process alive.
        self._thread.join(timeout=2.0)
        if self._thread.is_alive():
            STUCK.append(self._thread)
        elif self._source is not None:
            self._source.close()
            self._source = None
        self._slot = None

    # --- in the capture thread

    def _capture(self) -> None:
        if self._source is None:
            self._reopen()
        while not self._stop.is_set():
            try:
                self._read_until_lost()
                break
            except Exception as error:  # a driver's binding may raise anything; the thread has to go on
                self._note_loss(one_line(error))
                self._reopen()
        with self._condition:
            self._finished = True
            self._condition.notify_all()

    def _read_until_lost(self) -> None:
        while not self._stop.is_set():
            assert self._source is not None
            with self._call():
                frame = self._source.read(timeout=1.0)
            if frame is not None:
                self._put(frame)
                if self._freeze_watch.is_frozen(frame):
                    raise SourceError(
                        f"{self.name}: the picture is frozen",
                        "if opening it again does not help, unplug the camera and plug it in again",
                    )
            elif self._source.finished:
                return
            else:
                self._note_problem(self._source.problem)

    def _put(self, frame: Frame) -> None:
        if self._first_frame_at is None:
            self._note_first_frame()
        with self._condition:
            self.dropped += self._slot is not None
            self._slot, self.problem, self._put_at = frame, None, self._clock()
            self._condition.notify_all()

    def _note_problem(self, problem: Problem | None) -> None:
        """The source itself says why it gives no frame: what it gives is damaged."""
        if problem is None or problem == self.problem:
            return
        self.problem = problem
        now = self._clock()
        if now >= self._say_problem_at:  # it may come and go
            self._say_problem_at = now + REMIND_EVERY_S
            log.warning("%s: %s; check its cable, hub and network", self.name, problem)

    # --- opening, losing, opening again

    def _open_first(self, wait: bool, within_s: float) -> None:
        """In a thread of its own: waiting for it can be ended by a signal, a call into a driver cannot."""
        failures: list[Exception] = []
        done = threading.Event()  # Thread.join is no use: interrupted, it takes the thread for ended
        thread = threading.Thread(
            target=self._open_apart, args=(failures, done), name=f"open {self.name}", daemon=True
        )
        thread.start()
        try:
            if not done.wait(within_s):
                raise self._hang(within_s)
        except BaseException:
            self._stop.set()
            STUCK.append(thread)
            raise
        for error in failures:
            if not wait or not isinstance(error, SourceError):
                raise error
            self._note_loss(str(error))

    def _open_apart(self, failures: list[Exception], done: threading.Event) -> None:
        """Open the source, or add why that fails. One that nobody waits for any more is closed again."""
        try:
            source = self._open()
            if self._stop.is_set():
                source.close()
            else:
                self._take(source)
        except Exception as error:
            failures.append(error)
        finally:
            done.set()

    def _take(self, source: Source) -> None:
        self._source, self.name, self.format = source, source.name, source.format

    def _note_first_frame(self) -> None:
        self._first_frame_at = self._clock()
        self._back_off.works()
        if self.lost:
            level = logging.INFO if self._relapses == 1 else logging.DEBUG
            seconds, tries = self._first_frame_at - self._lost_at, self._back_off.tries
            log.log(level, "%s: pictures again after %.0f s, %d attempts", self.name, seconds, tries)

    def _note_loss(self, message: str) -> None:
        if self._first_frame_at is not None or not self.lost:
            self._count_loss(message)  # else it was opened, but gave nothing: still the same loss
        self._first_frame_at = None
        self.problem = Problem(Cause.CAMERA_LOST, message)

    def _count_loss(self, message: str) -> None:
        self.lost += 1
        self._relapses = 1 if self._back_off.steady else self._relapses + 1
        self._lost_at = self._clock()
        # The log says once that a cable is loose.
        level = logging.ERROR if self._relapses == 1 else logging.DEBUG
        log.log(level, "%s; trying again", message, exc_info=log.isEnabledFor(logging.DEBUG))

    def _reopen(self) -> None:
        """Open the source again, with growing waits, until it is open or the feed is closed."""
        remind_at = self._clock() + REMIND_EVERY_S
        while not self._stop.is_set():
            self._close_broken()
            if self._stop.wait(self._back_off.failed()) or self._try_to_open():
                return
            if self._clock() >= remind_at:
                log.warning("still, after %d attempts: %s", self._back_off.tries, self.problem)
                remind_at += REMIND_EVERY_S

    def _try_to_open(self) -> bool:
        try:
            with self._call():
                self._take(self._open())
        except Exception as error:
            self.problem = Problem(Cause.CAMERA_LOST, one_line(error))
            log.debug("attempt %d: %s", self._back_off.tries, error)
            return False
        return True

    def _close_broken(self) -> None:
        if self._source is not None:
            with self._call(), contextlib.suppress(Exception):  # it is broken already
                self._source.close()
            self._source = None

    # --- hanging

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        """Around every call into the source, so that one that hangs can be seen."""
        self._calling_since = self._clock()
        try:
            yield
        finally:
            self._calling_since = None

    def _look_for_a_hang(self) -> None:
        since = self._calling_since
        if since is None:
            return
        seconds = self._clock() - since
        if seconds >= self._gives_up_after_s:
            raise self._hang(seconds)
        hangs = self.problem is not None and self.problem.cause is Cause.CAMERA_HANGS
        if seconds >= self._hangs_after_s and not hangs:
            words = CAUSE_WORDS[Cause.CAMERA_HANGS]
            self.problem = Problem(Cause.CAMERA_HANGS, f"{self.name}: {words}")
            log.error("%s", self.problem)

    def _hang(self, seconds: float) -> CameraHangsError:
        return CameraHangsError(
            f"{self.name}: the camera hangs: no answer for {seconds:.0f} s", self._hang_cure
        )
