"""One picture for all viewers: nothing without them, the newest for each, and a slow one holds up nobody."""

import asyncio
import threading
import time

import pytest

from edge.counts import Counts
from edge.types import State
from edge.web.board import Board
from edge.web.hub import Hub
from edge.web.problems import RequestError
from tests.edge.sinks.builders import make_result


class Painter:
    """Counts what it draws; it may be slow, or fail."""

    def __init__(self):
        self.drawn, self.fails, self.threads = [], 0, set()

    def __call__(self, seen):
        self.threads.add(threading.current_thread())
        if self.fails:
            self.fails -= 1
            raise OSError("no paint")
        self.drawn.append(seen.number)
        return f"picture {seen.number}".encode(), f"state {seen.number}"


def run(test, fps=1000.0, viewers=8):
    """Run `test(board, hub, painter)` in a loop of its own, with the hub at work."""

    async def play():
        board, painter = Board("front", Counts()), Painter()
        hub = Hub(board, painter, fps, viewers)
        await hub.start()
        try:
            await asyncio.wait_for(test(board, hub, painter), 20)
        finally:
            await hub.stop()

    asyncio.run(play())


def put(board, hub, state=State.PASS):
    hub.wake(board.add(make_result(state)))


def test_nothing_is_drawn_while_nobody_watches():
    async def test(board, hub, painter):
        for _ in range(5):
            put(board, hub)
            await asyncio.sleep(0.01)
        assert painter.drawn == []

    run(test)


def test_a_viewer_gets_picture_and_state_of_the_same_result_at_once():
    async def test(board, hub, painter):
        put(board, hub)
        with hub.viewing():
            shot = await hub.after(0)
        assert (shot.number, shot.jpeg, shot.state) == (1, b"picture 1", "state 1")

    run(test, fps=0.2)


def test_viewers_share_one_picture_drawn_in_another_thread():
    async def test(board, hub, painter):
        with hub.viewing(), hub.viewing(), hub.viewing():
            put(board, hub)
            shots = await asyncio.gather(*(hub.after(0) for _ in range(3)))
        assert len({id(shot) for shot in shots}) == 1
        assert painter.drawn == [1]
        assert threading.current_thread() not in painter.threads

    run(test)


def test_a_slow_viewer_skips_pictures_and_gets_the_newest():
    async def test(board, hub, painter):
        with hub.viewing():
            put(board, hub)
            assert (await hub.after(0)).number == 1
            for _ in range(20):
                put(board, hub)
                await asyncio.sleep(0.01)
            shot = await hub.after(1)
            assert shot.number >= 20

    run(test)


def test_pictures_keep_to_the_pace_and_a_new_decision_does_not_wait():
    async def test(board, hub, painter):
        with hub.viewing():
            put(board, hub)
            await hub.after(0)
            for _ in range(10):
                put(board, hub)
                await asyncio.sleep(0.01)
            assert painter.drawn == [1]
            put(board, hub, State.DENY)
            assert (await hub.after(1)).number == 12
        assert painter.drawn == [1, 12]

    run(test, fps=0.2)


def test_more_viewers_than_allowed_are_refused_until_one_leaves():
    async def test(board, hub, painter):
        with hub.viewing(), hub.viewing():
            with pytest.raises(RequestError) as caught, hub.viewing():
                pass
            assert caught.value.status == 503
            assert "Retry-After" in caught.value.headers
        with hub.viewing():
            assert hub.viewers == 1

    run(test, viewers=2)


def test_a_picture_of_an_earlier_watching_is_not_shown_again():
    async def test(board, hub, painter):
        put(board, hub)
        with hub.viewing():
            await hub.after(0)
        put(board, hub)
        with hub.viewing():
            assert (await hub.after(0)).number == 2

    run(test)


def test_stills_share_a_picture_and_are_no_older_than_the_pace():
    async def test(board, hub, painter):
        put(board, hub)
        shots = await asyncio.gather(*(hub.still() for _ in range(5)))
        put(board, hub)
        assert (await hub.still()).number == 1
        assert {shot.number for shot in shots} == {1}
        assert painter.drawn == [1]
        await asyncio.sleep(0.25)
        assert (await hub.still()).number == 2

    run(test, fps=5)


def test_there_is_no_still_before_the_first_result_and_after_the_last():
    async def test(board, hub, painter):
        with pytest.raises(RequestError, match="no new picture"):
            await hub.still()
        put(board, hub)
        await hub.still()
        board._clock = lambda: time.monotonic() + 60
        with pytest.raises(RequestError, match="no new picture"):
            await hub.still()

    run(test)


def test_a_picture_that_cannot_be_drawn_is_logged_and_the_next_one_comes(caplog):
    async def test(board, hub, painter):
        painter.fails = 1
        with hub.viewing():
            put(board, hub)
            await asyncio.sleep(0.1)
            put(board, hub)
            assert (await hub.after(0)).number == 2

    run(test)
    assert "no picture can be drawn: OSError: no paint" in caplog.text


def test_the_end_wakes_those_who_wait():
    async def test(board, hub, painter):
        with hub.viewing():
            waiting = asyncio.create_task(hub.after(0))
            await asyncio.sleep(0.01)
            await hub.stop()
            assert await waiting is None

    run(test)
