"""A reverse proxy that serves a door below a path, as nginx does with `location /door/`. For tests alone."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import aiohttp
from aiohttp import web

from edge.web.app import Route
from tests.edge.web.builders import serving

PREFIX = "/house/door"
HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"}


class ProxyGroup:
    """Everything below PREFIX goes to the door, without PREFIX."""

    name = "proxy"

    def __init__(self, port: int) -> None:
        self._door = f"http://127.0.0.1:{port}"

    def routes(self):
        path = PREFIX + "/{path:.*}"
        return [Route(method, path, self.forward, needs=None) for method in ("GET", "POST")]

    async def start(self):
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def stop(self):
        await self._session.close()

    async def forward(self, request, caller):
        url = f"{self._door}/{request.match_info['path']}?{request.query_string}"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, url, headers)
        body = await request.read()
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    async def _socket(self, request, url, headers):
        headers = {name: value for name, value in headers.items() if not name.startswith("Sec-WebSocket")}
        ours = web.WebSocketResponse(max_msg_size=0)
        async with self._session.ws_connect(url, headers=headers, max_msg_size=0) as theirs:
            await ours.prepare(request)
            await asyncio.wait(
                [asyncio.ensure_future(pump(ours, theirs)), asyncio.ensure_future(pump(theirs, ours))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        await ours.close()
        return ours


async def pump(source, target):
    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        else:
            await target.send_bytes(message.data)


@contextmanager
def below_a_path(port: int):
    """The address of the door behind the proxy."""
    with serving([ProxyGroup(port)]) as client:
        yield f"http://127.0.0.1:{client.port}{PREFIX}/"
