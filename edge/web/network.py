"""Where something listens, and who may reach it: the keys that every table with a `listen` has."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import ClassVar

from edge.config.option import option
from edge.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LISTEN = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]\s]+)):(?P<port>\d{1,5})")
"""`127.0.0.1:8080`, `[::1]:8080`, `door.local:8080`."""

HOST_NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}|\[?[0-9A-Fa-f:.]+\]?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    """An IP address or a host name; 0.0.0.0 and :: are every address of this machine."""
    port: int
    """0: any free port."""

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine can reach it."""
        ip = as_ip(self.host)
        return self.host == "localhost" if ip is None else ip.is_loopback

    @property
    def is_wildcard(self) -> bool:
        """Whether it is every address of this machine."""
        ip = as_ip(self.host)
        return ip is not None and ip.is_unspecified

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def as_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, or None for any other text. An IPv4 address inside IPv6 becomes an IPv4 address."""
    try:
        ip = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(ip, "ipv4_mapped", None)
    return mapped or ip


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas between them."""
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Keys of a table with a `listen`.

    Raises ConfigError for an address, host or network that is none, and for an address that others can reach
    without a password.
    """

    TABLE: ClassVar[str] = "web"
    """The table's name, for messages."""

    listen: str = option(
        "",
        "address and port: 127.0.0.1:8080 for this machine alone, 0.0.0.0:8080 or [::]:8080 for the network, "
        "which needs password_file; empty: off",
    )
    password_file: str = option(
        "",
        "file with passwords, which `mask-edge web password` writes; a systemd credential of that name first",
    )
    tokens_file: str = option("", "file with tokens for scripts, which `mask-edge web token` writes")
    hosts: str = option(
        "", "other names that browsers reach it by, with commas between: door.example, the name of a proxy"
    )
    trusted_proxies: str = option(
        "", "addresses or networks of proxies whose X-Forwarded-For and -Proto count, with commas between"
    )
    cert: str = option("", "file with the certificate (PEM) for https; empty: http")
    key: str = option("", "file with the certificate's private key (PEM)")

    def __post_init__(self) -> None:
        self._check_lists()
        if not self.listen:
            return
        address = self.address
        if not address.is_loopback and not self.password_file:
            raise ConfigError(
                f"{self.TABLE}.listen = {self.listen!r} is open to the network, and there is no password",
                f"set {self.TABLE}.password_file; `mask-edge web password --file FILE` writes it. "
                f"Or listen on 127.0.0.1:{address.port}",
            )

    @property
    def address(self) -> Address:
        """Where to listen. Raises ConfigError."""
        match = LISTEN.fullmatch(self.listen)
        if match is None or int(match["port"]) > 65535:
            raise ConfigError(
                f"{self.TABLE}.listen = {self.listen!r} is no address with a port",
                "write it as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080",
            )
        return Address(match["ipv6"] or match["host"], int(match["port"]))

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks of `trusted_proxies`. Raises ConfigError."""
        try:
            return tuple(ipaddress.ip_network(text, strict=False) for text in listed(self.trusted_proxies))
        except ValueError as error:
            raise ConfigError(
                f"{self.TABLE}.trusted_proxies: {error}", "write addresses or networks, such as 192.168.1.2"
            ) from error

    def _check_lists(self) -> None:
        _ = self.proxies
        for host in listed(self.hosts):
            if not HOST_NAME.fullmatch(host):
                raise ConfigError(f"{self.TABLE}.hosts: {host!r} is no host name", "leave out port and path")
        if bool(self.cert) != bool(self.key):
            raise ConfigError(
                f"{self.TABLE}.cert and {self.TABLE}.key go together, one is empty", "set both or none"
            )
