"""Who asks, and what that person or program may do: sessions, tokens and passwords."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edge.host.secretfile import find_secret
from edge.web.accounts import Account, Password, Role, Token, read_accounts, token_digest
from edge.web.limits import FailureLimit
from edge.web.network import NetworkConfig
from edge.web.origin import Names, came_by_https, client_address
from edge.web.problems import RequestError
from edge.web.sessions import Session, Sessions

if TYPE_CHECKING:
    from aiohttp import web

WAITING_AT_MOST = 8
"""Logins that may wait for the one that is being checked."""

KNOWN_S = 600.0
"""Seconds for which a Basic header that was right need not be hashed again: scripts send it each time."""

KNOWN_AT_MOST = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    role: Role | None
    """None: nobody who is known."""
    address: str
    """The client's IP address."""
    secure: bool = False
    """Whether the browser talks https."""
    session: Session | None = None
    """The login behind it; None for scripts, and where no password is needed."""

    @property
    def is_still_in(self) -> bool:
        """False once the caller has logged out: a stream that runs has to end then."""
        return self.session is None or not self.session.ended


class Access:
    """Tells who a caller is.

    accounts: the passwords and tokens; empty: everybody is an admin, as on the loopback address alone.
    cookie: the name of the session's cookie; two servers on one host need two names.
    clock: monotonic seconds.
    """

    def __init__(
        self,
        config: NetworkConfig,
        accounts: Sequence[Account],
        cookie: str = "mask_edge",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cookie = cookie
        self.names = Names.of(config.address, config.hosts)
        self.sessions = Sessions(clock)
        self._proxies, self._https, self._clock = config.proxies, bool(config.cert), clock
        self._passwords = [account for account in accounts if isinstance(account, Password)]
        self._tokens = [account for account in accounts if isinstance(account, Token)]
        self._failures = FailureLimit(clock)
        self._one_hash = asyncio.Semaphore(1)
        self._waiting = 0
        self._known: OrderedDict[bytes, tuple[Role, float]] = OrderedDict()
        self._secret = secrets.token_bytes(32)

    @property
    def is_open(self) -> bool:
        """Whether no password is asked for."""
        return not self._passwords and not self._tokens

    async def identify(self, request: web.Request) -> Caller:
        """The caller. Raises RequestError with 401 for wrong credentials, 429 after too many of them."""
        caller = self.by_cookie(request)
        if caller.role is not None:
            return caller
        return replace(caller, role=await self._by_header(request.headers, caller.address))

    def by_cookie(self, request: web.Request) -> Caller:
        """The caller without a look at the header Authorization."""
        peer = request.remote or ""
        address = client_address(peer, request.headers, self._proxies)
        secure = self._https or came_by_https(peer, request.headers, self._proxies)
        if self.is_open:
            return Caller(Role.ADMIN, address, secure)
        session = self.sessions.find(request.cookies.get(self.cookie, ""))
        return Caller(session.role if session else None, address, secure, session)

    async def log_in(self, password: str, address: str) -> str:
        """Begin a session. Returns its id. Raises RequestError: 401 or 429."""
        return self.sessions.begin(await self._check(password, address, self._passwords))

    async def _by_header(self, headers: Mapping[str, str], address: str) -> Role | None:
        """Who the header Authorization names; None without one."""
        scheme, _, value = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(value.strip(), address)
        if scheme.lower() == "basic":
            return await self._by_basic(value.strip(), address)
        return None

    def _by_token(self, token: str, address: str) -> Role:
        self._refuse_after_failures(address)
        digest = token_digest(token)
        roles = [known.role for known in self._tokens if known.matches(digest)]
        if not roles:
            raise self._refused(address, "the token is not known")
        return max(roles)

    async def _by_basic(self, value: str, address: str) -> Role:
        """The user is `admin` or `viewer`. What was right is remembered for a while, by a keyed hash."""
        key, now = (
            hashlib.sha256(self._secret + value.encode("utf-8", "surrogatepass")).digest(),
            self._clock(),
        )
        known = self._known.get(key)
        if known is not None and now < known[1]:
            return known[0]
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            raise self._refused(address, "the header Authorization is damaged") from None
        named = [account for account in self._passwords if account.role.user == user]
        role = await self._check(password, address, named)
        self._known[key] = role, now + KNOWN_S
        while len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        return role

    async def _check(self, password: str, address: str, accounts: Sequence[Password]) -> Role:
        """The role of a password. One hash is computed at a time, in another thread."""
        self._refuse_after_failures(address)
        if self._waiting >= WAITING_AT_MOST:
            raise RequestError(429, "too many logins at a time", "wait a moment", {"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._one_hash:
                self._refuse_after_failures(address)  # those that waited with this one may have failed
                role = await asyncio.to_thread(_matching, password, accounts)
                if role is None:
                    raise self._refused(address, "the password is wrong")
                return role
        finally:
            self._waiting -= 1

    def _refuse_after_failures(self, address: str) -> None:
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise RequestError(
                429, "too many failed logins", f"wait {seconds} s", {"Retry-After": str(seconds)}
            )

    def _refused(self, address: str, why: str) -> RequestError:
        self._failures.failed(address)
        return RequestError(401, why, "`mask-edge web password` sets a password, `web token` makes a token")


def open_access(config: NetworkConfig, cookie: str = "mask_edge") -> Access:
    """Access with the configured files. Raises ConfigError for one that is missing, damaged or not secret."""
    accounts: list[Account] = []
    for name in (config.password_file, config.tokens_file):
        accounts += read_accounts(find_secret(name)) if name else ()
    return Access(config, accounts, cookie)


def _matching(password: str, accounts: Sequence[Password]) -> Role | None:
    return next((account.role for account in accounts if account.matches(password)), None)
