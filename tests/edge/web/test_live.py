"""The door's routes as a browser, a script and a camera client see them."""

import asyncio
import json
import re
import socket
import time
from contextlib import asynccontextmanager

import pytest

from edge.sinks.message import STATE_COLOURS
from edge.types import State
from edge.web.accounts import Role
from edge.web.live import BOUNDARY
from edge.web.paging import public_parts, read_part
from tests.edge.sinks.builders import check_contract, make_result
from tests.edge.web.builders import pages, token_of, write_passwords

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: the pages were NOT tested")
pytest.importorskip("cv2", reason="OpenCV is not installed: the pages were NOT tested")


@pytest.fixture
def door():
    with pages(feed=make_result(State.DENY), fps=20) as opened:
        yield opened


@asynccontextmanager
async def watching(door, **options):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{door.url}ws", max_msg_size=0, **options) as ws,
    ):
        yield ws


async def next_pair(ws, ack=True):
    """The next state and the picture of the same frame."""
    state, picture = json.loads(await ws.receive_str(timeout=5)), await ws.receive_bytes(timeout=5)
    if ack:
        await ws.send_str(json.dumps({"ack": state["number"]}))
    return state, picture


async def stays_silent(ws, seconds=0.5) -> bool:
    try:
        await ws.receive(timeout=seconds)
    except TimeoutError:
        return True
    return False


# --- the sink


def test_contract():
    with pages() as opened:
        check_contract(opened.sink)


def test_contract_while_somebody_watches():
    with pages(fps=30) as opened:

        async def watch():
            async with watching(opened) as ws:
                for index in range(3):
                    await asyncio.to_thread(opened.sink.handle, make_result(index=index))
                    await next_pair(ws)

        asyncio.run(watch())
        check_contract(opened.sink)


# --- the socket


def test_state_and_picture_come_in_pairs_and_get_newer(door):
    async def watch():
        async with watching(door) as ws:
            pairs = [await next_pair(ws) for _ in range(4)]
        numbers = [state["number"] for state, _ in pairs]
        assert numbers == sorted(set(numbers))
        assert all(picture[:3] == b"\xff\xd8\xff" for _, picture in pairs)
        assert {state["decision"]["state"] for state, _ in pairs} == {"deny"}
        assert pairs[-1][0]["viewers"] == 1

    asyncio.run(watch())


def test_nothing_is_sent_until_the_last_picture_was_acknowledged_and_then_the_newest(door):
    async def watch():
        async with watching(door) as ws:
            state, _ = await next_pair(ws, ack=False)

            def newer():
                return door.sink._hub._shot.number > state["number"] + 5

            assert await asyncio.to_thread(wait_for, newer)
            assert await stays_silent(ws, 0.2)
        async with watching(door) as ws:
            state, _ = await next_pair(ws, ack=False)
            assert await asyncio.to_thread(wait_for, newer)
            await ws.send_str(json.dumps({"ack": state["number"]}))
            assert (await next_pair(ws))[0]["number"] > state["number"] + 5

    asyncio.run(watch())


def test_an_acknowledgement_of_an_older_picture_is_waited_past(door):
    async def watch():
        async with watching(door) as ws:
            state, _ = await next_pair(ws, ack=False)
            await ws.send_str(json.dumps({"ack": state["number"] - 1}))
            assert await stays_silent(ws, 0.3)

    asyncio.run(watch())


@pytest.mark.parametrize("text", ["hello", "[]", '{"ack": "1"}', "{}", "[" * 3000])
def test_a_client_that_talks_nonsense_is_left(door, text):
    async def watch():
        async with watching(door) as ws:
            await next_pair(ws, ack=False)
            await ws.send_str(text)
            message = await ws.receive(timeout=5)
            assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    asyncio.run(watch())


def test_a_new_decision_reaches_a_viewer_before_the_next_picture_is_due():
    with pages(feed=make_result(State.PASS), fps=0.2) as opened:

        async def watch():
            async with watching(opened) as ws:
                await next_pair(ws)
                opened.sink.handle(make_result(State.DENY))
                state, _ = await next_pair(ws)
                assert state["decision"]["state"] == "deny"

        asyncio.run(watch())


def test_a_viewer_too_many_is_told_so_and_a_stream_too():
    with pages(feed=make_result(), viewers=1, fps=20) as opened:

        async def watch():
            async with watching(opened) as ws, watching(opened) as second:
                await next_pair(ws)
                message = await second.receive(timeout=5)
                assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1013)
                assert "1 viewers are watching already" in message.extra
                refused = await asyncio.to_thread(opened.client.get, "/stream.mjpg")
                assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
            await asyncio.sleep(0.5)
            async with watching(opened) as ws:
                assert (await next_pair(ws))[0]["viewers"] == 1

        asyncio.run(watch())


def test_a_logout_ends_what_is_being_watched(tmp_path):
    file = str(write_passwords(tmp_path))
    with pages(feed=make_result(), password_file=file, fps=20) as opened:
        client = opened.log_in(Role.VIEWER)

        async def watch():
            async with watching(opened, headers=client.headers) as ws:
                await next_pair(ws)
                await asyncio.to_thread(client.post, "/logout")
                while (message := await ws.receive(timeout=5)).type is not aiohttp.WSMsgType.CLOSE:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        await ws.send_str(json.dumps({"ack": json.loads(message.data)["number"]}))
                assert message.data == 1008

        asyncio.run(watch())


def test_a_token_opens_the_socket(tmp_path):
    file = str(write_passwords(tmp_path))
    with pages(feed=make_result(), password_file=file) as opened:

        async def watch():
            headers = {"Authorization": f"Bearer {token_of(Role.VIEWER)}"}
            async with watching(opened, headers=headers) as ws:
                assert (await next_pair(ws))[0]["door"] == "front"

        asyncio.run(watch())


# --- slow and deaf viewers


def test_viewers_that_never_read_hold_up_neither_the_door_nor_others():
    """Eight ask for the stream and read nothing: another viewer sees all, as fast as before."""
    with pages(fps=30, viewers=9, quality=95) as opened:
        deaf = [socket.create_connection(("127.0.0.1", opened.client.port)) for _ in range(8)]
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

        async def watch():
            async with watching(opened) as ws:
                for index in range(60):
                    await asyncio.to_thread(opened.sink.handle, make_result(index=index))
                    state, _ = await next_pair(ws)
                    await asyncio.sleep(0.01)
                assert state["frame"] >= 50
                assert state["viewers"] == 9

        asyncio.run(watch())
        for connection in deaf:
            connection.close()


def test_a_viewer_that_takes_nothing_is_dropped(monkeypatch):
    monkeypatch.setattr("edge.web.live.DEAF_S", 0.3)
    with pages(feed=make_result(), fps=30) as opened:

        async def watch():
            async with watching(opened) as ws:
                await next_pair(ws, ack=False)
                message = await ws.receive(timeout=5)
                assert message.type in (
                    aiohttp.WSMsgType.CLOSE,
                    aiohttp.WSMsgType.CLOSED,
                    aiohttp.WSMsgType.ERROR,
                )

        asyncio.run(watch())
        assert wait_for(lambda: opened.sink._hub.viewers == 0)


def test_a_viewer_that_leaves_is_noticed(door):
    async def watch():
        async with watching(door) as ws:
            await next_pair(ws)

    asyncio.run(watch())
    assert wait_for(lambda: door.sink._hub.viewers == 0)


def wait_for(condition, seconds=8.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_the_door_closes_while_others_watch():
    with pages(feed=make_result(), fps=20) as opened:
        connection = socket.create_connection(("127.0.0.1", opened.client.port))
        connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connection.recv(100)
        opened.sink.close()
        connection.settimeout(5)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        connection.close()


# --- pictures, state, events


def test_the_stream_is_motion_jpeg_with_whole_parts(door):
    with socket.create_connection(("127.0.0.1", door.client.port), timeout=5) as connection:
        connection.sendall(b"GET /stream.mjpg HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        data = b""
        while data.count(b"image/jpeg") < 4:
            data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert f"boundary={BOUNDARY}".encode() in head
    parts = body.split(f"--{BOUNDARY}\r\n".encode())[1:-1]
    for part in parts:
        header, _, content = part.partition(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", header)[1])
        assert content[:length].endswith(b"\xff\xd9")
        assert content[length:] == b"\r\n"


def test_a_still_is_a_jpeg_that_no_cache_keeps(door):
    answer = door.client.get("/api/v1/picture.jpg")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body[:3] == b"\xff\xd8\xff"


def test_before_the_first_result_there_is_a_page_and_no_picture():
    with pages() as opened:
        assert opened.client.get("/api/v1/picture.jpg").status == 503
        assert opened.client.get("/api/v1/state").json["last_event"] == 0
        assert "Starting" in opened.client.get("/").body.decode()
        assert opened.client.get("/readyz").status == 503
        assert opened.client.get("/healthz").status == 200


def test_a_lost_camera_gives_a_card_and_is_not_ready():
    with pages(feed=make_result(State.UNCERTAIN, frame=False)) as opened:
        assert wait_for(lambda: opened.client.get("/api/v1/picture.jpg").status == 200)
        assert opened.client.get("/readyz").json == {"program": "mask-edge", "status": "because"}
        assert opened.client.get("/healthz").status == 200
        state = opened.client.get("/api/v1/state").json
        assert (state["frame"], state["decision"]["state"]) == (None, "uncertain")


def test_a_loop_that_hangs_is_neither_ready_nor_alive(monkeypatch):
    with pages() as opened:
        opened.sink.handle(make_result())
        assert opened.client.get("/readyz").status == 200
        monkeypatch.setattr("edge.web.sink.NOT_READY_AFTER_S", -1)
        assert opened.client.get("/readyz").status == 503
        monkeypatch.setattr("edge.web.sink.HANGS_AFTER_S", -1)
        assert opened.client.get("/healthz").status == 503


def test_events_are_asked_for_from_the_last_one_known():
    with pages() as opened:
        for state in (State.IDLE, State.DENY, State.PASS):
            opened.sink.handle(make_result(state))
        everything = opened.client.get("/api/v1/events").json["events"]
        assert [event["state"] for event in everything] == ["idle", "deny", "pass"]
        later = opened.client.get(f"/api/v1/events?since={everything[1]['id']}").json["events"]
        assert later == everything[2:]


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 30, "%C2%B2"])
def test_an_id_that_is_none_is_refused(door, since):
    assert door.client.get(f"/api/v1/events?since={since}").status == 400


# --- the pages


def test_the_page_says_the_decision_without_a_script():
    with pages() as opened:
        opened.sink.handle(make_result(State.DENY))
        page = opened.client.get("/").body.decode()
    assert 'data-state="deny"' in page
    assert '<h1 id="words">Fix your mask</h1>' in page
    assert 'http-equiv="refresh"' in page
    assert 'src="api/v1/picture.jpg"' in page


def test_pages_name_nothing_outside_and_nothing_by_an_absolute_path(door):
    texts = [door.client.get(path).body.decode() for path in ("/", "/login")]
    texts += [read_part(name).decode() for name in public_parts()]
    for text in texts:
        assert not re.search(r"""(?:src|href|action|url\(|fetch\(|import)\s*[=(]?\s*["'`]?/""", text)
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}


def test_pages_need_no_exception_from_the_content_policy(door):
    for path in ("/", "/login"):
        page = door.client.get(path).body.decode()
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", page)


def test_a_browser_keeps_files_and_asks_whether_they_are_right(door):
    first = door.client.get("/app.js")
    again = door.client.get("/app.js", If_None_Match=first.headers["ETag"])
    assert (first.status, again.status, again.body) == (200, 304, b"")


@pytest.mark.parametrize("path", ("/../sink.py", "/%2e%2e/sink.py", "/index.html", "/login.html", "/app.js/"))
def test_only_the_named_files_are_served(door, path):
    assert door.client.get(path).status == 404


def test_the_style_has_the_colours_of_the_screens():
    style = read_part("style.css").decode()
    for state, (red, green, blue) in STATE_COLOURS.items():
        assert f"--{state}: #{red:02x}{green:02x}{blue:02x};" in style


def test_what_stands_in_the_page_is_escaped():
    result = make_result()
    with pages(door="a-b") as opened:
        opened.sink.handle(result)
        assert "<script>" not in opened.client.get("/").body.decode()
