"""The login page, logging out, and the files of the pages: what everybody may ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from edge.web.access import Access, Caller
from edge.web.answers import answer, page_answer, read_body, redirect
from edge.web.app import Route
from edge.web.paging import etag, filled, public_parts, read_part
from edge.web.problems import RequestError
from edge.web.sessions import LONGEST_S

if TYPE_CHECKING:
    from aiohttp import web

MOST_BYTES = 8192
"""Of the login form."""

PAGE_NAME = re.compile(r"[a-z]{0,20}")
"""Where to go after the login: a page beside this one, nothing else."""


class LoginGroup:
    """`/login`, `/logout`, and the style sheet and scripts. title: what is written above the form."""

    name = "login"

    def __init__(self, access: Access, title: str) -> None:
        self._access, self._title = access, title

    def routes(self) -> Sequence[Route]:
        parts = [self._part_route(name, kind) for name, kind in public_parts().items()]
        return (
            Route("GET", "/login", self._show, needs=None),
            Route("POST", "/login", self._log_in, needs=None),
            Route("POST", "/logout", self._log_out, needs=None),
            *parts,
        )

    async def start(self) -> None:
        """Nothing is to be opened."""

    async def stop(self) -> None:
        """Nothing is to be closed."""

    async def _show(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        following = _page_name(request.query.get("next", ""))
        return redirect(f"./{following}") if caller.role is not None else self._form("", following)

    async def _log_in(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        form = parse_qs((await read_body(request, MOST_BYTES)).decode("utf-8", "replace"))
        following = _page_name(form.get("next", [""])[0])
        try:
            name = await self._access.log_in(form.get("password", [""])[0], caller.address)
        except RequestError as error:
            words = "This password is wrong." if error.status == 401 else f"{error.what}: {error.cure}."
            page = self._form(words[:1].upper() + words[1:], following, error.status)
            page.headers.update(error.headers)
            return page
        response = redirect(f"./{following}")
        self._set_cookie(response, name, caller, round(LONGEST_S))
        return response

    async def _log_out(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        self._access.sessions.end(request.cookies.get(self._access.cookie, ""))
        response = redirect("login")
        self._set_cookie(response, "", caller, 0)
        return response

    def _form(self, message: str, following: str, status: int = 200) -> web.Response:
        values = {"title": self._title, "message": message, "next": following}
        return page_answer(filled("login.html", values), status)

    def _set_cookie(self, response: web.Response, name: str, caller: Caller, seconds: int) -> None:
        """Without a path the browser takes the folder of this page: so it works below any path of a proxy."""
        parts = [f"{self._access.cookie}={name}", f"Max-Age={seconds}", "HttpOnly", "SameSite=Strict"]
        response.headers["Set-Cookie"] = "; ".join([*parts, *(["Secure"] if caller.secure else [])])

    def _part_route(self, name: str, kind: str) -> Route:
        async def part(request: web.Request, caller: Caller) -> web.StreamResponse:
            headers = {"ETag": etag(name), "Cache-Control": "no-cache"}
            if request.headers.get("If-None-Match") == etag(name):
                return answer(b"", kind, 304, headers)
            return answer(read_part(name), kind, headers=headers)

        return Route("GET", f"/{name}", part, needs=None)


def _page_name(text: str) -> str:
    return text if PAGE_NAME.fullmatch(text) else ""
