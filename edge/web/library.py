"""aiohttp, which is imported only where something is to be served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from edge.errors import MissingLibraryError

if TYPE_CHECKING:
    from types import ModuleType

    from aiohttp import web

    Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def import_aiohttp() -> ModuleType:
    """`aiohttp.web`. Raises MissingLibraryError, which names its package."""
    try:
        from aiohttp import web
    except ImportError as error:
        raise MissingLibraryError(
            f"web: aiohttp is missing ({error})",
            "`sudo apt install python3-aiohttp`, or away from a Pi `pip install '.[web]'`",
        ) from error
    return web


def as_middleware(method: Callable[[web.Request, Next], Awaitable[web.StreamResponse]]) -> Any:
    """A bound method as a middleware: aiohttp sets an attribute on it, which a bound method does not take."""

    async def middleware(request: web.Request, handler: Next) -> web.StreamResponse:
        return await method(request, handler)

    return import_aiohttp().middleware(middleware)
