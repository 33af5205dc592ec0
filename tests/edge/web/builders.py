"""A server on a free port of the loopback address, and a client that sends exactly what it is told."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.counts import Counts
from edge.sinks.base import Surroundings
from edge.types import FrameResult
from edge.web.access import Access
from edge.web.accounts import Password, Role, Token, token_digest
from edge.web.app import build_app
from edge.web.config import WebConfig
from edge.web.network import NetworkConfig
from edge.web.server import WebServer
from edge.web.sink import WebSink

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


def write_passwords(folder: Path) -> Path:
    """A file with both passwords of PASSWORDS and a token of each role (`tokens`)."""
    path = folder / "passwords"
    lines = [account.line() for account in accounts()]
    for role in Role:
        lines.append(Token(role, token_digest(token_of(role)), "test").line())
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


def token_of(role: Role) -> str:
    return f"token-of-{role.user}"


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@dataclass
class Feeder:
    """Hands a result to the sink again and again, as the loop of a door does, each with a new frame index."""

    sink: WebSink
    result: FrameResult
    rate: float = 20.0
    index: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.sink.handle(self.result)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def show(self, result: FrameResult) -> None:
        self.result = result

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1 / self.rate):
            self.index += 1
            frame = self.result.frame and replace(self.result.frame, index=self.index)
            self.sink.handle(replace(self.result, frame=frame))


@dataclass
class Pages:
    """A door's pages, and a client of them."""

    sink: WebSink
    client: Client
    counts: Counts
    feeder: Feeder | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.client.port}/"

    def log_in(self, role: Role) -> Client:
        """A client with the session of this role."""
        answer = self.client.post("/login", f"password={PASSWORDS[role].replace(' ', '+')}".encode())
        assert answer.status == 303, answer
        return Client(self.client.port, {"Cookie": answer.cookie})


@contextmanager
def pages(door: str = "front", feed: FrameResult | None = None, port: int = 0, **keys):
    """The pages of a door. feed: a result that is handed over all the time. port: 0 is any free one."""
    counts = Counts()
    config = WebConfig(listen=f"127.0.0.1:{port}", **keys)
    sink = WebSink(config, Surroundings(door, counts=counts))
    opened = Pages(sink, Client(sink.server.address.port), counts)
    opened.feeder = Feeder(sink, feed) if feed is not None else None
    try:
        yield opened
    finally:
        if opened.feeder:
            opened.feeder.stop()
        sink.close()
