"""Who is logged in: random session ids in memory. A restart of the program ends them all."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge.web.accounts import Role

IDLE_S = 12 * 3600.0
"""Seconds without a request after which a session ends."""

LONGEST_S = 30 * 86400.0
"""Seconds after which a session ends in any case."""

SESSIONS_AT_MOST = 64
"""Beyond that, the one that was not used for the longest time ends."""


@dataclass(slots=True, eq=False)
class Session:
    """One login."""

    role: Role
    began: float
    """Seconds on the monotonic clock."""
    used: float
    ended: bool = False


class Sessions:
    """All sessions. Only the SHA-256 of an id is kept. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, role: Role) -> str:
        """A new session. Returns its id, for the cookie."""
        now, name = self._clock(), secrets.token_urlsafe(32)
        self._sessions[_digest(name)] = Session(role, now, now)
        while len(self._sessions) > SESSIONS_AT_MOST:
            self._sessions.popitem(last=False)[1].ended = True
        return name

    def find(self, name: str) -> Session | None:
        """The session of an id, which counts as used now; None where there is none, or no longer."""
        digest, now = _digest(name), self._clock()
        session = self._sessions.get(digest)
        if session is None:
            return None
        if now - session.used >= IDLE_S or now - session.began >= LONGEST_S:
            self.end(name)
            return None
        session.used = now
        self._sessions.move_to_end(digest)
        return session

    def end(self, name: str) -> None:
        """Log out; streams that run end too, since they look at `ended`."""
        session = self._sessions.pop(_digest(name), None)
        if session is not None:
            session.ended = True


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
