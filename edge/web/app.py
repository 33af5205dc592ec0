"""The application: groups of routes behind one guard, which knows who may ask for what.

A new part of the service is a `RouteGroup`; nothing else has to know of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from edge.errors import one_line
from edge.web.access import Access, Caller
from edge.web.accounts import Role
from edge.web.answers import SECURITY_HEADERS, problem, redirect, refusal
from edge.web.library import as_middleware, import_aiohttp
from edge.web.origin import SAFE_METHODS, is_foreign
from edge.web.problems import RequestError

if TYPE_CHECKING:
    from aiohttp import web

    Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

LARGEST_BODY = 16 * 2**20
"""Bytes. What a handler that does not use `read_body` may get at most."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path, and who may ask for it."""

    method: str
    path: str
    """As aiohttp has it: `/api/v1/things/{id}`. It also labels the metrics, so it must not hold data."""
    handler: Handler
    """Called with the request and the caller, who has the needed role. It may raise RequestError."""
    needs: Role | None = Role.VIEWER
    """The role that it needs; None: anybody."""
    is_page: bool = False
    """Whether people open it: without a login they are led to the login page."""
    any_host: bool = False
    """Whether it answers under any host name: for health checks, which reveal nothing."""
    is_socket: bool = False
    """Whether it is a WebSocket: a GET that another site must not make."""


class RouteGroup(Protocol):
    """Routes that belong together, with what they share."""

    name: str
    """For the pages: they show a part only if the group of that name is there."""

    def routes(self) -> Sequence[Route]:
        """All routes; asked for once."""

    async def start(self) -> None:
        """In the server's loop, before the first request."""

    async def stop(self) -> None:
        """In the server's loop, before connections are closed: streams must end now."""


@dataclass(slots=True)
class Requests:
    """Counts the answers, for the metrics."""

    answers: Counter[tuple[str, int]]
    """(route's path or `other`, status code) -> number."""


def build_app(
    groups: Sequence[RouteGroup], access: Access, requests: Requests | None = None
) -> web.Application:
    """The application with all routes of the groups. Raises MissingLibraryError without aiohttp."""
    library = import_aiohttp()
    guard = Guard(access, requests or Requests(Counter()))
    app: web.Application = library.Application(
        middlewares=[as_middleware(guard.catch)], client_max_size=LARGEST_BODY
    )
    for group in groups:
        for route in group.routes():
            app.router.add_route(route.method, route.path, guard.wrap(route))
        app.on_startup.append(_calling(group.start))
        app.on_shutdown.append(_calling(group.stop))
    app.on_response_prepare.append(add_security_headers)
    return app


def _calling(call: Callable[[], Awaitable[None]]) -> Callable[[web.Application], Awaitable[None]]:
    async def run(app: web.Application) -> None:
        await call()

    return run


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, just before it is sent."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)


class Guard:
    """Stands before every handler."""

    def __init__(self, access: Access, requests: Requests) -> None:
        self._access, self._requests = access, requests
        self._web = import_aiohttp()

    def wrap(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler behind all checks."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self._check_origin(request, route)
            if route.needs is None:
                return await route.handler(request, self._access.by_cookie(request))
            caller = await self._access.identify(request)
            if caller.role is None and route.is_page:
                return redirect(f"login?next={request.path.rpartition('/')[2]}")
            _require(route.needs, caller)
            return await route.handler(request, caller)

        return guarded

    async def catch(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Every error becomes problem details, and every answer is counted."""
        response = await self._answered(request, handler)
        resource = request.match_info.route.resource
        self._requests.answers[resource.canonical if resource else "other", response.status] += 1
        return response

    async def _answered(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestError as error:
            if error.status == 401:
                error.headers.setdefault("WWW-Authenticate", _challenge(request))
            return refusal(error)
        except self._web.HTTPException as error:
            return problem(error.status, _words(error.status), _kept(error.headers))
        except (ConnectionError, asyncio.CancelledError):
            raise  # the client has gone, or the server ends
        except Exception as error:
            log.error(
                "web: %s %s: %s",
                request.method,
                request.path,
                one_line(error),
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
            return problem(500, "the server has a fault; its log says more")

    def _check_origin(self, request: web.Request, route: Route) -> None:
        host = request.headers.get("Host", "")
        if not route.any_host and not self._access.names.know(host):
            raise RequestError(
                403, f"{host!r} is no name of this server", "add it to `hosts` in the configuration"
            )
        if (route.is_socket or request.method not in SAFE_METHODS) and is_foreign(request.headers):
            raise RequestError(403, "the request comes from a page of another site")


def _require(needed: Role, caller: Caller) -> None:
    if caller.role is None:
        raise RequestError(401, "a login is needed", "log in, or send a token")
    if caller.role < needed:
        raise RequestError(403, f"a {caller.role.user} may not do this", f"log in as {needed.user}")


def _challenge(request: web.Request) -> str:
    """Which credentials are asked for. A browser would open its own dialog for Basic; our page is nicer."""
    is_browser = request.headers.get("User-Agent", "").startswith("Mozilla/")
    return 'Bearer realm="mask-edge"' if is_browser else 'Basic realm="mask-edge", charset="UTF-8"'


def _words(status: int) -> str:
    return HTTPStatus(status).description or HTTPStatus(status).phrase


def _kept(headers: object) -> dict[str, str]:
    """Of aiohttp's own answer: which methods a path has."""
    allow = getattr(headers, "get", lambda name: None)("Allow")
    return {"Allow": allow} if allow else {}
