"""Who may what: each route for nobody, a viewer, an admin; by session, token and password."""

import re

import pytest

from edge.errors import ConfigError
from edge.web.access import open_access
from edge.web.accounts import Role, hash_password
from edge.web.answers import json_answer
from edge.web.app import Route
from edge.web.limits import FAILURES_AT_MOST
from edge.web.network import NetworkConfig
from tests.edge.sinks.builders import make_result
from tests.edge.web.builders import PASSWORDS, Client, basic, pages, serving, token_of, write_passwords

pytest.importorskip("aiohttp", reason="aiohttp is not installed: access was NOT tested")

CLOSED = ("/api/v1/state", "/api/v1/events", "/api/v1/picture.jpg", "/metrics", "/stream.mjpg", "/ws")
FOR_ANYBODY = ("/healthz", "/readyz", "/login", "/style.css", "/app.js", "/icon.svg")


@pytest.fixture
def door(tmp_path):
    """A door with passwords."""
    with pages(password_file=str(write_passwords(tmp_path))) as opened:
        opened.sink.handle(make_result())
        yield opened


@pytest.fixture
def open_door_pages():
    """A door without a password, on the loopback address."""
    with pages() as opened:
        opened.sink.handle(make_result())
        yield opened


# --- nobody


@pytest.mark.parametrize("path", CLOSED)
def test_without_a_login_nothing_is_shown(door, path):
    answer = door.client.get(path)
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"decision" not in answer.body


@pytest.mark.parametrize("path", FOR_ANYBODY)
def test_what_anybody_may_ask_for_reveals_nothing(door, path):
    answer = door.client.get(path)
    assert answer.status == 200
    assert b"because" not in answer.body  # the decision's reason
    assert "Set-Cookie" not in answer.headers


def test_a_person_is_led_to_the_login_page_by_a_relative_address(door):
    answer = door.client.get("/")
    assert (answer.status, answer.headers["Location"]) == (303, "login?next=")


def test_a_program_is_asked_for_basic_and_a_browser_is_not(door):
    assert door.client.get("/stream.mjpg").headers["WWW-Authenticate"].startswith("Basic ")
    browser = door.client.get("/stream.mjpg", User_Agent="Mozilla/5.0 (X11)")
    assert browser.headers["WWW-Authenticate"].startswith("Bearer ")


def test_on_loopback_without_a_password_everybody_sees(open_door_pages):
    assert open_door_pages.client.get("/api/v1/state").status == 200
    assert open_door_pages.client.get("/").status == 200
    assert open_door_pages.client.get("/metrics").status == 200


# --- by session


@pytest.mark.parametrize("role", Role)
def test_a_login_gives_a_strict_cookie_that_opens_the_page(door, role):
    answer = door.client.post("/login", f"password={PASSWORDS[role].replace(' ', '%20')}&next=".encode())
    assert (answer.status, answer.headers["Location"]) == (303, "./")
    name, *parts = re.split("; ", answer.cookies[0])
    assert name.startswith("mask_edge_front=")
    assert {"HttpOnly", "SameSite=Strict"} < set(parts)
    assert not any(part.startswith(("Path", "Domain")) for part in parts)
    client = Client(door.client.port, {"Cookie": name})
    assert client.get("/").status == 200
    assert f'data-role="{role.user}"' in client.get("/").body.decode()
    assert client.get("/api/v1/state").status == 200


def test_a_logout_ends_the_session_on_the_server(door):
    client = door.log_in(Role.ADMIN)
    answer = client.post("/logout")
    assert (answer.status, answer.headers["Location"]) == (303, "login")
    assert "Max-Age=0" in answer.cookies[0]
    assert client.get("/api/v1/state").status == 401


def test_a_wrong_password_shows_the_form_again(door):
    answer = door.client.post("/login", b"password=wrong+horse")
    assert answer.status == 401
    assert "This password is wrong." in answer.body.decode()
    assert not answer.cookies


@pytest.mark.parametrize(
    ("following", "location"),
    [
        ("upload", "./upload"),
        ("", "./"),
        ("//evil.example", "./"),
        ("https://evil.example", "./"),
        ("a/b", "./"),
    ],
)
def test_a_login_leads_only_to_pages_of_ours(door, following, location):
    body = f"password=correct+horse&next={following}".encode()
    assert door.client.post("/login", body).headers["Location"] == location
    page = door.client.get(f"/login?next={following}").body.decode()
    assert "evil" not in page


def test_who_is_in_does_not_see_the_form(door):
    assert door.log_in(Role.VIEWER).get("/login?next=upload").headers["Location"] == "./upload"


def test_the_form_takes_no_large_body(door):
    assert door.client.post("/login", b"password=" + b"x" * 9000).status == 413


# --- by token and password


@pytest.mark.parametrize("role", Role)
def test_a_token_and_a_password_open_what_the_session_opens(door, role):
    for header in (f"Bearer {token_of(role)}", basic(role.user, PASSWORDS[role])):
        assert door.client.get("/api/v1/state", Authorization=header).status == 200
        assert door.client.get("/metrics", Authorization=header).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong",
        "Bearer ",
        "Basic !!!",
        "Basic",
        basic("admin", "wrong horse"),
        basic("viewer", PASSWORDS[Role.ADMIN]),
        basic("root", PASSWORDS[Role.ADMIN]),
        basic("", PASSWORDS[Role.ADMIN]),
        f"Digest {token_of(Role.ADMIN)}",
        token_of(Role.ADMIN),
    ],
)
def test_wrong_credentials_are_refused(door, header):
    assert door.client.get("/api/v1/state", Authorization=header).status == 401


def test_basic_is_hashed_once_and_then_remembered(door, monkeypatch):
    header = basic("admin", PASSWORDS[Role.ADMIN])
    assert door.client.get("/api/v1/state", Authorization=header).status == 200
    monkeypatch.setattr("edge.web.access._matching", lambda *_: None)
    assert door.client.get("/api/v1/state", Authorization=header).status == 200
    other = basic("viewer", PASSWORDS[Role.VIEWER])
    assert door.client.get("/api/v1/state", Authorization=other).status == 401


def test_guessing_is_slow_and_those_who_are_in_stay_in(door):
    inside = door.log_in(Role.VIEWER)
    for _ in range(FAILURES_AT_MOST):
        assert door.client.post("/login", b"password=wrong+horse").status == 401
    form = door.client.post("/login", b"password=correct+horse")
    assert form.status == 429
    assert "wait" in form.body.decode()
    assert 0 < int(form.headers["Retry-After"]) <= 60
    for header in (basic("admin", PASSWORDS[Role.ADMIN]), f"Bearer {token_of(Role.ADMIN)}"):
        assert door.client.get("/api/v1/state", Authorization=header).status == 429
    assert inside.get("/api/v1/state").status == 200


# --- from where


@pytest.mark.parametrize("path", ("/", "/api/v1/state", "/login", "/style.css"))
def test_another_host_name_is_refused(door, open_door_pages, path):
    for opened in (door, open_door_pages):
        assert opened.client.get(path, Host="evil.example").status == 403
        assert opened.client.get(path, Host=f"evil.example:{opened.client.port}").status == 403


@pytest.mark.parametrize("path", ("/healthz", "/readyz"))
def test_health_is_told_under_any_name(door, path):
    assert door.client.get(path, Host="10.2.3.4:8080").status == 200


@pytest.mark.parametrize("path", ("/login", "/logout"))
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}],
)
def test_a_form_of_another_site_is_refused(door, path, headers):
    body = b"password=correct+horse"
    answer = door.log_in(Role.ADMIN).post(path, body, **headers)
    assert answer.status == 403
    assert not answer.cookies


def test_a_form_of_ours_is_taken(door):
    origin = f"http://127.0.0.1:{door.client.port}"
    answer = door.client.post(
        "/login", b"password=correct+horse", Origin=origin, Sec_Fetch_Site="same-origin"
    )
    assert answer.status == 303


@pytest.mark.parametrize("origin", ("http://evil.example", "null", "http://127.0.0.1:1"))
def test_a_socket_of_another_site_is_refused_without_a_password_too(open_door_pages, origin):
    answer = open_door_pages.client.get(
        "/ws",
        Origin=origin,
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
        Sec_WebSocket_Version="13",
    )
    assert answer.status == 403


def test_a_link_on_another_site_leads_here(open_door_pages):
    assert open_door_pages.client.get("/", Sec_Fetch_Site="cross-site").status == 200


def test_behind_a_proxy_failures_count_for_each_client_and_the_cookie_is_secure(tmp_path):
    file = str(write_passwords(tmp_path))
    with pages(password_file=file, trusted_proxies="127.0.0.1", hosts="door.example") as door:

        def log_in(password: str, client: str):
            return door.client.post(
                "/login",
                f"password={password}".encode(),
                Host="door.example",
                X_Forwarded_For=client,
                X_Forwarded_Proto="https",
            )

        for _ in range(FAILURES_AT_MOST):
            assert log_in("wrong+horse", "192.0.2.1").status == 401
        assert log_in("correct+horse", "192.0.2.1").status == 429
        assert log_in("correct+horse", "6.6.6.6, 192.0.2.1").status == 429
        answer = log_in("correct+horse", "192.0.2.2")
        assert answer.status == 303
        assert "Secure" in answer.cookies[0]


def test_without_a_trusted_proxy_its_headers_count_for_nothing(door):
    for number in range(FAILURES_AT_MOST):
        door.client.post("/login", b"password=wrong+horse", X_Forwarded_For=f"192.0.2.{number}")
    answer = door.client.post("/login", b"password=correct+horse", X_Forwarded_For="192.0.2.99")
    assert answer.status == 429


# --- the files


@pytest.mark.parametrize("mode", (0o644, 0o666))
def test_a_password_file_that_others_may_read_keeps_the_pages_closed(tmp_path, mode):
    path = write_passwords(tmp_path)
    path.chmod(mode)
    with (
        pytest.raises(ConfigError, match="other users may read or change it"),
        pages(password_file=str(path)),
    ):
        pass


def test_a_missing_password_file_keeps_the_pages_closed(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"), pages(password_file=str(tmp_path / "none")):
        pass


def test_a_password_with_the_real_cost_opens_the_pages(tmp_path):
    path = tmp_path / "passwords"
    path.write_text(hash_password(Role.ADMIN, PASSWORDS[Role.ADMIN]).line())
    path.chmod(0o600)
    with pages(password_file=str(path)) as door:
        assert door.log_in(Role.ADMIN).get("/api/v1/state").status == 200


# --- what a viewer may not do


class Commands:
    """A route for admins alone, as uploads and commands are."""

    name = "commands"

    def routes(self):
        return [Route("POST", "/api/v1/command", self.command, needs=Role.ADMIN)]

    async def start(self):
        pass

    async def stop(self):
        pass

    async def command(self, request, caller):
        return json_answer({"role": caller.role.user})


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic("admin", PASSWORDS[Role.ADMIN]), 200),
        (basic("viewer", PASSWORDS[Role.VIEWER]), 403),
        (f"Bearer {token_of(Role.ADMIN)}", 200),
        (f"Bearer {token_of(Role.VIEWER)}", 403),
        ("", 401),
    ],
)
def test_a_viewer_sees_and_does_nothing(tmp_path, header, status):
    config = NetworkConfig(listen="127.0.0.1:0", password_file=str(write_passwords(tmp_path)))
    with serving([Commands()], open_access(config)) as client:
        assert client.post("/api/v1/command", Authorization=header).status == status
