"""The server's thread: limits, what is in the way of its start, and an end that waits for nobody."""

import asyncio
import contextlib
import socket
import time

import pytest

from edge.errors import SinkError
from edge.web.access import Access
from edge.web.answers import json_answer, read_body
from edge.web.app import Route, build_app
from edge.web.network import Address, NetworkConfig
from edge.web.server import WebServer
from tests.edge.web.builders import serving

pytest.importorskip("aiohttp", reason="aiohttp is not installed: the server was NOT tested")

CONFIG = NetworkConfig(listen="127.0.0.1:0")


class Group:
    """Some handlers: an answer, an error, one that never ends, and one that reads a body."""

    name = "test"

    def __init__(self):
        self.calls = []

    def routes(self):
        return [
            Route("GET", "/", self.hello),
            Route("GET", "/broken", self.broken),
            Route("GET", "/endless", self.endless),
            Route("POST", "/body", self.body),
        ]

    async def start(self):
        self.calls.append("start")

    async def stop(self):
        self.calls.append("stop")

    async def hello(self, request, caller):
        return json_answer({"role": caller.role})

    async def broken(self, request, caller):
        raise KeyError("secret")

    async def endless(self, request, caller):
        await asyncio.sleep(3600)

    async def body(self, request, caller):
        return json_answer(len(await read_body(request, 1000, within_s=0.3)))


def make_server(address=CONFIG.address, group=None, **settings):
    return WebServer(build_app([group] if group else [], Access(CONFIG, [])), address, **settings)


def raw(port: int, data: bytes, timeout_s: float = 10.0) -> bytes:
    """What comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(data)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        return answer


def test_a_group_is_started_served_and_stopped():
    group = Group()
    with serving([group]) as client:
        assert client.get("/").json == {"role": 2}
    assert group.calls == ["start", "stop"]


def test_an_error_of_a_handler_is_logged_and_tells_the_client_nothing(caplog):
    with serving([Group()]) as client:
        answer = client.get("/broken?password=hidden")
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in answer.body
    assert "KeyError: 'secret'" in caplog.text
    assert "hidden" not in caplog.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/", 405)])
def test_an_unknown_path_is_problem_details_too(method, path, status):
    with serving([Group()]) as client:
        answer = client.ask(method, path)
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_answer_forbids_what_pages_do_not_need():
    with serving([Group()]) as client:
        for path in ("/", "/nothing", "/broken"):
            headers = client.get(path).headers
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cache-Control"] == "no-store"
            assert "Server" not in headers


def test_a_body_that_is_too_large_or_too_slow_is_refused():
    slow = b"POST /body HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\nConnection: close\r\n\r\nabc"
    with serving([Group()]) as client:
        assert client.post("/body", b"x" * 10).json == 10
        assert client.post("/body", b"x" * 1001).status == 413
        assert raw(client.port, slow).startswith(b"HTTP/1.1 408")


def test_half_a_header_is_not_waited_for():
    with serving([Group()], header_s=0.2) as client:
        began = time.monotonic()
        assert raw(client.port, b"GET / HTTP/1.1\r\nHo") == b""
        assert time.monotonic() - began < 5
        assert client.get("/").status == 200


def test_connections_beyond_the_limit_are_closed_and_those_before_go_on():
    with serving([Group()], connections=3) as client, contextlib.ExitStack() as stack:
        kept = [
            stack.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=5))
            for _ in range(3)
        ]
        time.sleep(0.2)
        assert raw(client.port, b"") == b""
        kept[0].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert kept[0].recv(1000).startswith(b"HTTP/1.1 200")


def test_the_end_does_not_wait_for_a_request_that_never_ends():
    group = Group()
    server = make_server(group=group)
    server.start()
    with socket.create_connection(("127.0.0.1", server.address.port)) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
        server.stop()
        server.stop()
        assert time.monotonic() - began < 4
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.address.port))


def test_stop_before_start_and_calls_after_the_end_do_nothing():
    server = make_server()
    server.stop()
    server.call(lambda: 1 / 0)
    server.start()
    server.stop()
    server.call(lambda: 1 / 0)


@pytest.mark.parametrize(
    ("address", "cure"),
    [
        (Address("192.0.2.7", 8080), "ip address"),
        (Address("nowhere.invalid", 8080), "an address of this machine"),
    ],
)
def test_an_address_that_is_not_there_is_an_error_with_a_cure(address, cure):
    server = make_server(address)
    with pytest.raises(SinkError, match="cannot listen on") as caught:
        server.start()
    assert cure in caught.value.cure


def test_a_port_in_use_is_an_error_with_a_cure_and_can_be_tried_again():
    first = make_server()
    first.start()
    second = make_server(first.address)
    with pytest.raises(SinkError, match="cannot listen on") as caught:
        second.start()
    assert "another program has this port" in caught.value.cure
    first.stop()
    second.start()
    second.stop()


def test_an_application_that_does_not_start_is_an_error():
    class Broken(Group):
        async def start(self):
            raise OSError("no database")

    server = make_server(group=Broken())
    with pytest.raises(SinkError, match="no database"):
        server.start()
