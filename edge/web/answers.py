"""Answers to requests: JSON, pages, pictures, refusals. And the body of a request, within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge.web.problems import CONTENT_TYPE, RequestError, problem_body

if TYPE_CHECKING:
    from aiohttp import web

BODY_S = 10.0
"""Seconds in which a request's body must have come."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every answer. Scripts and styles come from files alone, and from nowhere else.

Other sites get no referrer. With `no-referrer` browsers would send `Origin: null` with our own forms.
"""


def answer(
    body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer with a body. content_type: with its charset, if it has one."""
    from aiohttp import web

    return web.Response(body=body, status=status, headers={"Content-Type": content_type, **(headers or {})})


def json_answer(data: Any, status: int = 200) -> web.Response:
    """Data as JSON."""
    return answer(json.dumps(data, ensure_ascii=False).encode(), "application/json", status)


def text_answer(
    text: str, content_type: str = "text/plain; charset=utf-8", status: int = 200
) -> web.Response:
    """A text."""
    return answer(text.encode(), content_type, status)


def page_answer(html: str, status: int = 200) -> web.Response:
    """A page."""
    return text_answer(html, "text/html; charset=utf-8", status)


def jpeg_answer(data: bytes) -> web.Response:
    """A picture."""
    return answer(data, "image/jpeg")


def redirect(location: str) -> web.Response:
    """To another page, by GET. location: relative, so that it works below any path of a proxy."""
    from aiohttp import web

    return web.Response(status=303, headers={"Location": location})


def refusal(error: RequestError) -> web.Response:
    """Problem details (RFC 9457)."""
    return answer(error.body(), CONTENT_TYPE, error.status, error.headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Problem details (RFC 9457) of these words."""
    return answer(problem_body(status, detail), CONTENT_TYPE, status, headers)


async def read_body(request: web.Request, most_bytes: int, within_s: float = BODY_S) -> bytes:
    """The body of a request.

    Raises RequestError: 413 where it is larger, 408 where it does not come in time.
    """
    too_large = RequestError(413, f"the body is larger than {most_bytes} bytes")
    if (request.content_length or 0) > most_bytes:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(within_s):
            async for part in request.content.iter_any():
                size += len(part)
                if size > most_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise RequestError(408, f"the body did not come within {within_s:g} s") from None
    return b"".join(parts)
