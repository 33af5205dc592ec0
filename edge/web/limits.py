"""Guessing is slow: a few failures a minute and address, and one password hash at a time."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from edge.web.network import as_ip

FAILURES_AT_MOST = 5
WITHIN_S = 60.0
"""Seconds in which FAILURES_AT_MOST failures are allowed."""

ADDRESSES_AT_MOST = 1000
"""Addresses that are remembered; beyond that the oldest is forgotten."""


class FailureLimit:
    """Counts failed logins for each address. clock: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Seconds until this address may try again; 0: at once."""
        times = self._recent(address)
        if len(times) < FAILURES_AT_MOST:
            return 0.0
        return max(0.0, times[-FAILURES_AT_MOST] + WITHIN_S - self._clock())

    def failed(self, address: str) -> None:
        """Count one failure."""
        self._failures[_key(address)] = [*self._recent(address), self._clock()]
        self._failures.move_to_end(_key(address))
        while len(self._failures) > ADDRESSES_AT_MOST:
            self._failures.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        now = self._clock()
        return [at for at in self._failures.get(_key(address), []) if now - at < WITHIN_S]


def _key(address: str) -> str:
    """The address; for IPv6 its /64 network, since a home has that many addresses."""
    ip = as_ip(address)
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip) if ip else address
