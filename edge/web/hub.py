"""One picture for all viewers: drawn once, only while somebody watches, the newest wins."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from edge.errors import one_line
from edge.web.board import Board, Seen
from edge.web.problems import RequestError

log = logging.getLogger(__name__)

LOOK_AROUND_S = 5.0
"""Seconds after which a viewer looks whether it should end, also without a new picture."""

OLD_S = 10.0
"""Seconds without a result after which there is no picture: an old one would look like today's."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, and the state of the same result."""

    number: int
    """That of the result (`Seen.number`)."""
    jpeg: bytes
    state: str
    """JSON."""
    at: float
    """Seconds on the monotonic clock when it was drawn."""


class Hub:
    """Draws the newest result of the board for all viewers, at most `fps` times a second.

    A new decision is drawn at once. Each viewer takes the newest shot when it is ready for one, so a slow
    viewer skips pictures and holds up nobody.

    paint: result -> JPEG and JSON; it is called in a thread of its own. viewers_at_most: more are refused.
    All methods but `wake` belong to the server's loop.
    """

    def __init__(
        self,
        board: Board,
        paint: Callable[[Seen], tuple[bytes, str]],
        fps: float,
        viewers_at_most: int,
    ) -> None:
        self.viewers = 0
        self.closing = False
        self._board, self._paint, self._viewers_at_most = board, paint, viewers_at_most
        self._every_s = 1 / fps
        self._shot: Shot | None = None
        self._painting = asyncio.Lock()
        self._wanted, self._urgent, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._executor = ThreadPoolExecutor(1, "web pictures")
        self._task: asyncio.Task[None] | None = None

    def wake(self, changed: bool) -> None:
        """There is a new result. changed: whether it has a new decision, which is drawn at once."""
        self._wanted.set()
        if changed:
            self._urgent.set()

    async def start(self) -> None:
        """Begin to draw."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End all streams."""
        self.closing = True
        self._news.set()
        if self._task is not None:
            self._task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def viewing(self) -> Iterator[None]:
        """Count one viewer. Raises RequestError with 503 where there are enough."""
        if self.viewers >= self._viewers_at_most:
            raise RequestError(
                503, f"{self.viewers} viewers are watching already", "try again later", {"Retry-After": "10"}
            )
        if not self.viewers:
            self._shot = None  # of an earlier time
        self.viewers += 1
        self.wake(changed=True)
        try:
            yield
        finally:
            self.viewers -= 1

    async def after(self, number: int) -> Shot | None:
        """The newest shot with a higher number, as soon as there is one.

        None after LOOK_AROUND_S without one, and once the server stops: the caller looks whether to go on.
        """
        try:
            async with asyncio.timeout(LOOK_AROUND_S):
                while not self.closing:
                    if self._shot is not None and self._shot.number > number:
                        return self._shot
                    await self._news.wait()
        except TimeoutError:
            pass
        return None

    async def still(self) -> Shot:
        """One shot, at most as old as those of a viewer. Raises RequestError where there is no new result."""
        seen = self._board.seen
        if seen is None or self._board.age_s > OLD_S:
            raise RequestError(503, "there is no new picture", "try again", {"Retry-After": "1"})
        return await self._shoot(seen)

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._pace()
            seen, urgent = self._board.seen, self._urgent.is_set()
            self._urgent.clear()
            if not self.viewers or seen is None:
                continue
            try:
                await self._shoot(seen, urgent)
            except Exception as error:  # the door goes on, and the next result is another try
                log.error("web: no picture can be drawn: %s", one_line(error))

    async def _pace(self) -> None:
        """Wait until the next picture is due, or a decision is new."""
        due = (self._shot.at if self._shot else 0.0) + self._every_s
        try:
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._urgent.wait()
        except TimeoutError:
            pass

    async def _shoot(self, seen: Seen, at_once: bool = False) -> Shot:
        """Draw one result, unless that was done already or the last shot is young enough."""
        async with self._painting:
            shot = self._shot
            if shot is not None and (shot.number >= seen.number or (not at_once and self._is_young(shot))):
                return shot
            loop = asyncio.get_running_loop()
            jpeg, state = await loop.run_in_executor(self._executor, self._paint, seen)
            self._shot = Shot(seen.number, jpeg, state, time.monotonic())
            news, self._news = self._news, asyncio.Event()
            news.set()
            return self._shot

    def _is_young(self, shot: Shot) -> bool:
        return time.monotonic() - shot.at < self._every_s * 0.9
