"""A server on a free port of the loopback address, and a client that sends exactly what it is told."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge.web.access import Access
from edge.web.accounts import Password, Role
from edge.web.app import build_app
from edge.web.network import NetworkConfig
from edge.web.server import WebServer

PASSWORDS = {Role.ADMIN: "correct horse", Role.VIEWER: "only looking"}


def quick_password(role: Role, password: str) -> Password:
    """A hash that costs next to nothing; the real cost is tested once."""
    from edge.web.accounts import _scrypt

    return Password(role, b"salt", _scrypt(password, b"salt", 2, 1, 1), 2, 1, 1)


def accounts() -> list[Password]:
    return [quick_password(role, password) for role, password in PASSWORDS.items()]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """The first cookie as a browser would send it back."""
        return self.cookies[0].partition(";")[0]


@dataclass
class Client:
    port: int
    headers: dict[str, str] = field(default_factory=dict)
    timeout_s: float = 20.0

    def ask(self, method: str, path: str, body: bytes | None = None, **headers) -> Answer:
        """Headers with `_` for `-`; a value of None leaves the header out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**self.headers, **named})
            response = connection.getresponse()
            cookies = response.headers.get_all("Set-Cookie") or []
            return Answer(response.status, dict(response.headers), response.read(), cookies)
        finally:
            connection.close()

    def get(self, path: str, **headers) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: bytes = b"", **headers) -> Answer:
        return self.ask("POST", path, body, **headers)


@contextmanager
def serving(groups, access: Access | None = None, **settings):
    """A client of a server with these groups. settings: of `WebServer`."""
    config = NetworkConfig(listen="127.0.0.1:0")
    server = WebServer(build_app(groups, access or Access(config, [])), config.address, **settings)
    server.start()
    try:
        yield Client(server.address.port)
    finally:
        server.stop()
