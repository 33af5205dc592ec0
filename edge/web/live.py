"""The door's own routes: the live page, its socket, pictures, state and events."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from edge.web.access import Caller
from edge.web.answers import jpeg_answer, json_answer, page_answer
from edge.web.app import Route
from edge.web.board import Board
from edge.web.hub import Hub, Shot
from edge.web.paging import filled
from edge.web.problems import RequestError
from edge.web.state import StateWriter, change_entry

if TYPE_CHECKING:
    from aiohttp import web

DEAF_S = 30.0
"""Seconds in which a viewer must have taken a picture; then it is dropped."""

TRY_AGAIN_LATER = 1013
"""Code with which a WebSocket is closed where there are enough viewers (IANA's registry of close codes)."""

POLICY = 1008
"""Code with which a WebSocket is closed after a logout."""

UNSENT_BYTES = 16 * 2**10
"""Bytes that wait in the kernel for a viewer of a stream; what waits longer would be old when it arrives."""

BOUNDARY = "mask-edge-picture"
STREAM = {
    "Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    "Connection": "close",
    "X-Accel-Buffering": "no",
}
"""Headers of the stream. The last one tells nginx not to collect it."""


class LiveGroup:
    """What a door shows.

    parts: returns the names of all groups, for the page: it shows a part only if its group is there.
    """

    name = "live"

    def __init__(
        self, board: Board, hub: Hub, writer: StateWriter, parts: Callable[[], Sequence[str]]
    ) -> None:
        self._board, self._hub, self._writer, self._parts = board, hub, writer, parts

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/", self._page, is_page=True),
            Route("GET", "/ws", self._socket, is_socket=True),
            Route("GET", "/stream.mjpg", self._stream),
            Route("GET", "/api/v1/picture.jpg", self._picture),
            Route("GET", "/api/v1/state", self._state),
            Route("GET", "/api/v1/events", self._events),
        )

    async def start(self) -> None:
        await self._hub.start()

    async def stop(self) -> None:
        await self._hub.stop()

    async def _page(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        state = self._writer.state(self._board.seen, self._hub.viewers)
        decision = state.get("decision", {"state": "idle", "reason": "waiting for the first picture"})
        counts = decision.get("counts", {})
        values = {
            "door": self._board.door,
            "state": decision["state"],
            "words": state.get("message", "STARTING").capitalize(),
            "reason": decision["reason"],
            "parts": " ".join(self._parts()),
            "role": caller.role.user if caller.role else "",
            "login": "yes" if caller.session else "no",
            "version": state["version"],
            "pictures": state["pictures"],
            **{label: str(counts.get(label, 0)) for label in ("with_mask", "without_mask", "incorrect_mask")},
        }
        return page_answer(filled("index.html", values))

    async def _state(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return json_answer(self._writer.state(self._board.seen, self._hub.viewers))

    async def _events(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        text = request.query.get("since", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise RequestError(400, f"since = {text[:20]!r} is no id of an event", "give a whole number")
        changes = self._board.changes(int(text))
        return json_answer({"door": self._board.door, "events": [change_entry(change) for change in changes]})

    async def _picture(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return jpeg_answer((await self._hub.still()).jpeg)

    async def _stream(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Motion JPEG. Each picture ends with the next boundary: else browsers show it one picture late."""
        from aiohttp import web

        with self._hub.viewing():
            response = web.StreamResponse(headers=STREAM)
            await response.prepare(request)
            _keep_little_in_the_kernel(request)
            await response.write(f"--{BOUNDARY}\r\n".encode())
            try:
                await self._write_pictures(request, response, caller)
            except (ConnectionError, TimeoutError):
                _abort(request)  # the viewer has gone, or takes nothing
        return response

    async def _write_pictures(
        self, request: web.Request, response: web.StreamResponse, caller: Caller
    ) -> None:
        number = 0
        while caller.is_still_in and not self._hub.closing and _is_open(request):
            shot = await self._hub.after(number)
            if shot is not None:
                number = shot.number
                await asyncio.wait_for(_write_part(request, response, shot.jpeg), DEAF_S)

    async def _socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        from aiohttp import web

        ws = web.WebSocketResponse(max_msg_size=4096, compress=False, timeout=0.5)
        await ws.prepare(request)
        _keep_little_in_the_kernel(request)
        try:
            with self._hub.viewing():
                await self._show(ws, request, caller)
        except RequestError as error:
            await ws.close(code=TRY_AGAIN_LATER, message=error.what.encode())
        except (ConnectionError, TimeoutError):
            _abort(request)
        if not caller.is_still_in:
            await ws.close(code=POLICY, message=b"logged out")
        await ws.close()
        return ws

    async def _show(self, ws: web.WebSocketResponse, request: web.Request, caller: Caller) -> None:
        """Until the viewer leaves, says something odd or logs out, or the server stops.

        Raises ConnectionError or TimeoutError where the viewer takes nothing more.
        """
        acknowledged = _Acknowledged()
        await _until_one_ends(acknowledged.read(ws), self._send_pictures(ws, acknowledged, request, caller))

    async def _send_pictures(
        self, ws: web.WebSocketResponse, acknowledged: _Acknowledged, request: web.Request, caller: Caller
    ) -> None:
        """Send the newest shot, wait until the viewer has it, and so on: nothing waits in between."""
        number = 0
        while caller.is_still_in and not self._hub.closing and _is_open(request):
            shot = await self._hub.after(number)
            if shot is not None:
                number = shot.number
                await asyncio.wait_for(_send(ws, shot), DEAF_S)
                await asyncio.wait_for(acknowledged.reach(number), DEAF_S)


async def _send(ws: web.WebSocketResponse, shot: Shot) -> None:
    await ws.send_str(shot.state)
    await ws.send_bytes(shot.jpeg)


class _Acknowledged:
    """Up to which number a viewer has got the pictures: it sends `{"ack": number}` after each."""

    def __init__(self) -> None:
        self._number = 0
        self._news = asyncio.Event()

    async def read(self, ws: web.WebSocketResponse) -> None:
        """Until the viewer leaves, or says something else."""
        async for message in ws:
            number = _ack(message.data)
            if number is None:
                return
            self._number = number
            self._news.set()

    async def reach(self, number: int) -> None:
        """Wait until the viewer has the picture of this number."""
        while self._number < number:
            self._news.clear()
            await self._news.wait()


async def _until_one_ends(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends; the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _ack(text: str | bytes) -> int | None:
    try:
        entry: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    number = entry.get("ack") if isinstance(entry, dict) else None
    return number if isinstance(number, int) else None


async def _write_part(request: web.Request, response: web.StreamResponse, jpeg: bytes) -> None:
    """One picture; returns when the kernel has taken it."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    await response.write(head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode())
    await request.writer.drain()


def _abort(request: web.Request) -> None:
    """Close the connection without waiting until the viewer takes what is left."""
    if request.transport is not None:
        request.transport.abort()


def _is_open(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _keep_little_in_the_kernel(request: web.Request) -> None:
    """So a slow viewer gets new pictures and not a queue of old ones (tcp(7), TCP_NOTSENT_LOWAT)."""
    transport = request.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if transport is None or sock is None:
        return
    transport.set_write_buffer_limits(high=0)
    option = getattr(socket, "TCP_NOTSENT_LOWAT", 25)  # Linux
    try:
        sock.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
    except OSError:  # a kernel or a socket without it
        pass
