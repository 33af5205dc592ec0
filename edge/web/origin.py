"""Which requests come from our own pages: against DNS rebinding and forged requests of other sites.

The functions are pure; headers are mappings that ignore case, as aiohttp's are.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.web.network import Address, Network, as_ip, listed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Names:
    """The host names by which this server may be reached."""

    address: Address
    names: frozenset[str]
    """In small letters, without port."""

    @classmethod
    def of(cls, address: Address, hosts: str) -> Names:
        """hosts: further names, with commas between."""
        own = socket.gethostname().lower()
        machine = set() if address.is_loopback else {own, f"{own.partition('.')[0]}.local"}
        local = {"localhost"} if address.is_loopback or address.is_wildcard else set()
        given = {host.lower().strip("[]") for host in listed(hosts)}
        return cls(address, frozenset({address.host.lower()} | machine | local | given))

    def know(self, host: str) -> bool:
        """Whether the Host header names this server.

        A page that was bound to another address by DNS has a name of its own here, never an IP address: any
        of this machine's addresses will do.
        """
        name = host_name(host)
        if name is None:
            return False
        ip = as_ip(name)
        if ip is None or name in self.names:
            return name in self.names
        return ip.is_loopback if self.address.is_loopback else self.address.is_wildcard


def host_name(host: str) -> str | None:
    """The name in a Host header, in small letters, without port and brackets; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.username or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname.rstrip(".")


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site sent this request. Programs send neither of the two headers."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("Origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return True
    return parts.scheme not in ("http", "https") or parts.netloc.lower() != headers.get("Host", "").lower()


def client_address(peer: str, headers: Mapping[str, str], proxies: tuple[Network, ...]) -> str:
    """The address of the client: the last in X-Forwarded-For that is no trusted proxy's.

    peer: the address at the other end of the connection; it counts alone unless it is a trusted proxy's.
    """
    hops = [peer]
    if is_trusted(peer, proxies):
        hops = [*listed(headers.get("X-Forwarded-For", "")), peer]
    strangers = [hop for hop in hops if not is_trusted(hop, proxies)]
    return strangers[-1] if strangers else hops[0]


def came_by_https(peer: str, headers: Mapping[str, str], proxies: tuple[Network, ...]) -> bool:
    """Whether a trusted proxy says that the browser talks https to it."""
    return is_trusted(peer, proxies) and headers.get("X-Forwarded-Proto", "").lower() == "https"


def is_trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    """Whether an address is that of a trusted proxy."""
    ip = as_ip(address)
    return ip is not None and any(ip in network for network in proxies if network.version == ip.version)
