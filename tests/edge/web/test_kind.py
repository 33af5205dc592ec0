"""The sink as the door builds it, and what the doctor says of it."""

import socket
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.config.reading import load_config
from edge.door import any_blurs, build_sinks
from edge.errors import MissingLibraryError
from edge.host.findings import Status
from edge.host.machine import Machine
from edge.sinks.base import Surroundings
from edge.sinks.retry import RetryingSink
from edge.types import State
from edge.web import kind
from edge.web.config import WebConfig
from tests.builders import ROOT
from tests.edge.sinks.builders import make_result
from tests.edge.web.builders import Client, pages, write_passwords

pytest.importorskip("aiohttp", reason="aiohttp is not installed: the sink was NOT tested")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def check(machine=None, **keys):
    return kind.check(WebConfig(**keys), machine or Machine())


# --- built by the door


def test_the_door_builds_it_where_an_address_is_configured(monkeypatch):
    port = free_port()
    config = load_config(None, {}, {"web": {"listen": f"127.0.0.1:{port}"}})
    assert any_blurs(config)
    sinks = build_sinks(config, Surroundings("front"))
    try:
        (sink,) = [sink for sink in sinks if sink.name == "web"]
        sink.handle(make_result(State.DENY))
        assert Client(port).get("/api/v1/state").json["decision"]["state"] == "deny"
    finally:
        for sink in sinks:
            sink.close()


def test_an_address_that_is_taken_is_tried_again_and_holds_up_nothing(caplog, monkeypatch):
    monkeypatch.setattr("edge.sinks.retry.WAITS_S", (0.0,))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sink = kind.KIND.build(WebConfig(listen=f"127.0.0.1:{port}"), Surroundings())
        assert isinstance(sink, RetryingSink)
        assert "another program has this port" in caplog.text
        sink.handle(make_result())
    sink.handle(make_result())
    assert Client(port).get("/healthz").status == 200
    sink.close()
    sink.close()


def test_a_secret_that_is_open_keeps_the_pages_shut_and_not_the_door(tmp_path, caplog):
    file = write_passwords(tmp_path)
    file.chmod(0o644)
    keys = {"listen": f"127.0.0.1:{free_port()}", "password_file": str(file)}
    sinks = build_sinks(load_config(None, {}, {"web": keys}), Surroundings())
    assert [sink.name for sink in sinks] == ["log"]
    assert "other users may read or change it" in caplog.text
    assert "the rest goes on without it" in caplog.text


def test_aiohttp_is_not_loaded_before_it_is_needed():
    code = (
        "import sys, edge.commands.parser, edge.door; print('aiohttp' in sys.modules, 'ssl' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert result.stdout.split()[0] == "False"


def test_without_aiohttp_the_error_names_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingLibraryError) as caught:
        kind.KIND.build(WebConfig(listen="127.0.0.1:0"), Surroundings())
    assert "python3-aiohttp" in caught.value.cure
    assert "pip install" in caught.value.cure


def test_the_switch_takes_the_loopback_address_alone():
    on = kind.KIND.switch_on(WebConfig())
    assert on.listen == "127.0.0.1:8080"
    assert kind.KIND.switch_on(replace(on, listen="127.0.0.1:1")).listen == "127.0.0.1:1"


# --- the doctor


def test_off_is_fine():
    assert check() == kind.ok("off: [web] listen is empty")


def test_a_missing_library_has_its_cure(monkeypatch):
    monkeypatch.setattr(kind, "installed", lambda name: False)
    finding = check(listen="127.0.0.1:8080")
    assert (finding.status, finding.next) == (Status.FAIL, "sudo apt install python3-aiohttp")


def test_a_free_port_is_fine_and_a_failure_while_the_service_runs():
    listen = f"127.0.0.1:{free_port()}"
    assert check(listen=listen).status is Status.OK
    running = Machine(service={"ActiveState": "active"})
    assert check(running, listen=listen).status is Status.FAIL


def test_our_own_server_is_known():
    with pages() as door:
        finding = check(listen=f"127.0.0.1:{door.client.port}")
        assert finding.status is Status.OK
        assert "answers; pictures blurred" in finding.detail


class Other(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *words):
        pass


def test_another_program_on_the_port_is_a_failure():
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        finding = check(listen=f"127.0.0.1:{other.server_port}")
        other.shutdown()
    assert finding.status is Status.FAIL
    assert "another program has this port" in finding.detail


def test_something_that_is_no_http_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer():
            connection, _ = other.accept()
            connection.recv(100)
            connection.sendall(b"SSH-2.0-x\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        finding = check(listen=f"127.0.0.1:{other.getsockname()[1]}")
    assert finding.status is Status.FAIL


@pytest.mark.parametrize(
    ("mode", "text", "words"),
    [(0o644, None, "other users"), (0o600, "nonsense", "line 1"), (None, None, "cannot be read")],
)
def test_a_bad_password_file_is_named(tmp_path, mode, text, words):
    file = write_passwords(tmp_path)
    if mode is None:
        file.unlink()
    else:
        file.write_text(text or file.read_text())
        file.chmod(mode)
    finding = check(listen="127.0.0.1:8080", password_file=str(file))
    assert finding.status is Status.FAIL
    assert words in finding.detail
    assert finding.next


def test_a_good_password_file_is_no_finding(tmp_path):
    keys = {"listen": f"127.0.0.1:{free_port()}", "password_file": str(write_passwords(tmp_path))}
    assert check(**keys).status is Status.OK
