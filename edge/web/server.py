"""Serves an aiohttp application in a thread of its own, with limits. Works with aiohttp 3.8 to 3.14."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from edge.errors import ConfigError, SinkError, one_line
from edge.web.library import as_middleware, import_aiohttp
from edge.web.network import Address

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

CONNECTIONS_AT_MOST = 64
HEADER_S = 10.0
"""Seconds in which a new connection must have sent its first request."""

KEEP_ALIVE_S = 15.0
"""Seconds without a request after which a connection is closed."""

LINGER_S = 2.0
"""Seconds in which a client may send the rest of a body that was refused, so that it reads why."""

CLOSE_S = 2.0
"""Seconds that closing may take; aiohttp alone may wait for a minute."""

GRACE_S = 0.5
"""Seconds that requests in flight get when the server stops. aiohttp 3.9 and newer wait twice that long."""

START_S = 30.0
"""Seconds that the start may take: on a small Pi with a slow card, imports take long."""

BACKLOG = 64

CURES = {
    errno.EADDRINUSE: "another program has this port: `sudo ss -ltnp` tells which; or choose another port",
    errno.EADDRNOTAVAIL: "this machine does not have this address (yet): `ip address` lists those it has",
    errno.EACCES: "ports below 1024 are for root alone: choose one from 1024 on, such as 8080",
    errno.EAFNOSUPPORT: "this machine has no IPv6: listen on an IPv4 address",
}


class WebServer:
    """One application at one address.

    tls: None for http. name: of the thread, and in messages. `stop` may be called twice.
    """

    def __init__(
        self,
        app: web.Application,
        address: Address,
        tls: ssl.SSLContext | None = None,
        name: str = "web",
        connections: int = CONNECTIONS_AT_MOST,
        header_s: float = HEADER_S,
    ) -> None:
        self.name, self.address = name, address
        self._app, self._tls = app, tls
        self._connections, self._header_s = connections, header_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._silent: set[Any] = set()
        """Connections without a request so far."""
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; returns when the first request can come.

        Raises SinkError where the address cannot be taken, or the application does not start.
        """
        sock = listening_socket(self.address, self.name)
        self.address = Address(self.address.host, sock.getsockname()[1])
        ready, self._loop = threading.Event(), asyncio.new_event_loop()
        arguments = (self._loop, sock, ready)
        self._thread = threading.Thread(target=self._run, args=arguments, name=self.name, daemon=True)
        self._thread.start()
        if not ready.wait(START_S):
            self.stop()
            raise SinkError(f"{self.name}: the server did not start within {START_S:.0f} s")
        if self._failure is not None:
            raise SinkError(f"{self.name}: {one_line(self._failure)}") from self._failure

    def stop(self) -> None:
        """Stop serving: requests in flight get GRACE_S, and all is closed after CLOSE_S at the latest."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self.call(self._stopping.set)
            thread.join(CLOSE_S + 2)

    def call(self, callback: Callable[[], object]) -> None:
        """Run a short callback in the server's loop, soon. From any thread.

        Nothing happens before the start and after the end.
        """
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed
            pass

    def _run(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, ready: threading.Event) -> None:
        try:
            loop.run_until_complete(self._serve(sock, ready))
        except Exception as error:
            self._failure = error
            log.debug("%s: ended", self.name, exc_info=True)
        finally:
            _end(loop)
            sock.close()
            ready.set()

    async def _serve(self, sock: socket.socket, ready: threading.Event) -> None:
        runner = self._runner()
        await runner.setup()
        listener = await asyncio.get_running_loop().create_server(
            lambda: self._connect(runner),
            sock=sock,
            ssl=self._tls,
            ssl_handshake_timeout=self._header_s if self._tls else None,
        )
        ready.set()
        await self._stopping.wait()
        listener.close()
        try:
            await asyncio.wait_for(_clean_up(runner), CLOSE_S)
        except TimeoutError:
            log.debug("%s: connections were cut", self.name)

    def _runner(self) -> Any:
        """aiohttp's runner. Up to 3.8 its time limit for closing belongs elsewhere, and breaks it here."""
        web = import_aiohttp()
        options: dict[str, Any] = {"shutdown_timeout": GRACE_S} if _has_own_limit() else {}
        self._app.middlewares.append(as_middleware(self._note_request))
        return web.AppRunner(
            self._app,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            logger=_quiet_logger(),
            **options,
        )

    def _connect(self, runner: Any) -> asyncio.Protocol:
        """A new connection's protocol. Beyond the limit it is closed at once."""
        if len(runner.server.connections) >= self._connections:
            return _Refusal()
        protocol: asyncio.Protocol = runner.server()
        self._silent.add(protocol)
        asyncio.get_running_loop().call_later(self._header_s, self._drop_if_silent, protocol)
        return protocol

    def _drop_if_silent(self, protocol: Any) -> None:
        """aiohttp waits for the end of a header for ever."""
        if protocol in self._silent:
            self._silent.discard(protocol)
            if protocol.transport is not None:
                protocol.transport.abort()

    async def _note_request(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self._silent.discard(request.protocol)
        return await handler(request)


class _Refusal(asyncio.Protocol):
    """Closes its connection: there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


async def _clean_up(runner: Any) -> None:
    """Streams end, then connections. Without a site, aiohttp 3.8 leaves both to us."""
    if not _has_own_limit():
        await runner.shutdown()
        await runner.server.shutdown(GRACE_S)
    await runner.cleanup()


def _has_own_limit() -> bool:
    """Whether aiohttp's runner closes connections itself, within a time limit: from 3.9 on."""
    return hasattr(import_aiohttp(), "AppKey")


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs, and close the loop."""
    loop.run_until_complete(_cancel_others())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _quiet_logger() -> logging.Logger:
    """aiohttp writes a traceback for each malformed request; our handlers log their own errors."""
    logger = logging.getLogger(f"{__name__}.aiohttp")
    logger.setLevel(logging.CRITICAL)
    return logger


def listening_socket(address: Address, name: str) -> socket.socket:
    """A socket that listens. Raises SinkError, which says what is in the way."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(address, name, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # [::] takes IPv4 too
        sock.bind(place)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _cannot_listen(address, name, error) from error
    return sock


def _cannot_listen(address: Address, name: str, error: OSError) -> SinkError:
    unknown = isinstance(error, socket.gaierror)
    cure = "write an address of this machine" if unknown else CURES.get(error.errno or 0, "")
    return SinkError(f"{name}: cannot listen on {address} ({error.strerror})", cure)


def tls_context(cert: str, key: str) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with this certificate; None where both are empty. Raises ConfigError."""
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{cert}, {key}: no certificate with its key ({error.strerror or error})",
            "both must be PEM files that the program's user may read",
        ) from error
    return context
