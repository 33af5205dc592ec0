"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence


class BackOff:
    """Waits that grow from failure to failure, and start from the first again after a time without one."""

    tries: int
    """Failures since it last worked steadily: each is followed by one try."""

    def __init__(
        self, waits_s: Sequence[float], steady_s: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """waits_s: seconds before the first try, the second and so on; the last one repeats.

        steady_s: seconds that it must have worked without a failure before the waits start again; what works
        only now and then is tried less and less often. clock: monotonic seconds.
        """
        self._waits_s, self._steady_s, self._clock = tuple(waits_s), steady_s, clock
        self._working_since: float | None = None
        self._next_at = -math.inf
        self.tries = 0

    def failed(self) -> float:
        """It does not work, or not any more. Returns the seconds until the next try."""
        if self.steady:
            self.tries = 0
        self._working_since = None
        wait = self._waits_s[min(self.tries, len(self._waits_s) - 1)]
        self.tries += 1
        self._next_at = self._clock() + wait
        return wait

    def works(self) -> None:
        """It works now. May be said again and again."""
        if self._working_since is None:
            self._working_since = self._clock()

    def reset(self) -> None:
        """The next failure counts as the first."""
        self.tries = 0

    @property
    def steady(self) -> bool:
        """Whether it has worked for `steady_s` without a failure."""
        return self._working_since is not None and self._clock() - self._working_since >= self._steady_s

    @property
    def due(self) -> bool:
        """Whether it is time for the next try."""
        return self._clock() >= self._next_at
