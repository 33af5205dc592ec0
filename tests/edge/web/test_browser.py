"""The pages in a real browser: Chromium, driven by Playwright, judged by axe-core.

With SCREENSHOTS=docs the pictures of docs/web.md are made anew.
"""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.reading import load_config
from edge.door import open_door_without_sinks
from edge.sources.demo import DemoSource
from edge.types import Cause, Decision, FrameResult, State
from edge.web.accounts import Role
from tests.edge.web.builders import PASSWORDS, Feeder, pages, write_passwords
from tests.edge.web.proxy import PREFIX, below_a_path

pytest.importorskip("aiohttp", reason="aiohttp is not installed: the pages were NOT tried in a browser")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the pages were NOT tried in a browser"
)
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="axe-playwright-python is not installed: the pages were NOT judged by it",
)
SCREENSHOTS = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="chromium is not installed (sudo apt install chromium): the pages were NOT tried",
    ),
]

expect = playwright.expect
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE, SMALL_PHONE = (
    {"width": 1280, "height": 860},
    {"width": 390, "height": 844},
    {"width": 320, "height": 640},
)
SCENE_S = {State.IDLE: 0.5, State.DENY: 4.5, State.PASS: 7.8}
"""State -> the second of the built-in scene in which the door is in it."""


@pytest.fixture(scope="module")
def scene() -> dict[State, FrameResult]:
    """What a real door says of three moments of the built-in scene; and of a camera that is lost."""
    config = load_config(None, {}, {"accelerator": {"use": "cpu"}, "web": {"listen": "127.0.0.1:1"}})
    source, found = DemoSource(max(SCENE_S.values()) + 0.2), {}
    with open_door_without_sinks(config, source) as door:
        while (frame := source.read(1.0)) is not None:
            result = door.pipeline.process(frame)
            found |= {state: result for state, at in SCENE_S.items() if abs(frame.captured_at - at) < 0.01}
    assert all(result.decision.state is state for state, result in found.items())
    lost = Decision(State.UNCERTAIN, 0.0, {}, Cause.CAMERA_LOST)
    return {**found, State.UNCERTAIN: FrameResult(None, (), (), lost, ())}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address; what the page complains of, or asks elsewhere for, fails the test."""
    contexts, complaints = [], []

    def open_it(url: str, dark=False, allowed=(), **options):
        context = browser.new_context(
            color_scheme="dark" if dark else "light", **{"viewport": DESKTOP, "locale": "en-GB", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning") and not any(word in message.text for word in allowed)
                else None
            ),
        )
        host = re.match(r"https?://[^/]+", url)[0]
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((host, host.replace("http", "ws", 1), "blob:", "data:"))
                else complaints.append(f"asks for {request.url}")
            ),
        )
        page.goto(url, wait_until="domcontentloaded")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def door(scene):
    with pages(feed=scene[State.DENY], fps=10) as opened:
        yield opened


def picture(page):
    return page.locator("#picture")


def shoot(page, name: str, opened=None) -> None:
    """A picture for the documentation, where one is asked for; of a door that has seen the scene once."""
    if SCREENSHOTS is None:
        return
    if opened is not None:
        rehearse(opened)
        expect(page.locator("#events li")).to_have_count(8)
        page.wait_for_timeout(1000)
    page.screenshot(path=SCREENSHOTS / f"{name}.jpg", type="jpeg", quality=85)


def rehearse(opened, seconds: float = 22.5) -> None:
    """The whole scene and its beginning once more, as a real door sees it; then it stands still."""
    opened.feeder.stop()
    config = load_config(None, {}, {"accelerator": {"use": "cpu"}, "web": {"listen": "127.0.0.1:1"}})
    source = DemoSource(seconds)
    with open_door_without_sinks(config, source) as door:
        while (frame := source.read(1.0)) is not None:
            result = door.pipeline.process(frame)
            opened.counts.add(result, frame.captured_at)
            opened.sink.handle(result)
    opened.feeder = Feeder(opened.sink, result)


def violations(page) -> list[str]:
    found = axe.Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


# --- the live page


def test_the_page_shows_the_decision_and_the_picture(door, open_page):
    page = open_page(door.url)
    expect(page.locator("#words")).to_have_text("Put on your mask")
    expect(page.locator("#link")).to_have_text("Live")
    expect(picture(page)).to_be_visible()
    assert picture(page).evaluate("node => node.naturalWidth") == 640
    expect(picture(page)).to_have_attribute("alt", "The camera's picture: 1 no mask")
    expect(page.locator("[data-label=without_mask] dd")).to_have_text("1")
    expect(page.locator("#viewers")).to_have_text("1")
    expect(page.locator("#events li").first).to_contain_text("A face without a mask")
    expect(page).to_have_title("Put on your mask · front")
    expect(page.locator("#caption")).to_contain_text("blurred")
    for part in ("#logout", "nav a[href=upload]", "#history"):
        expect(page.locator(part)).to_be_hidden()


def test_the_page_follows_the_door(scene, open_page):
    with pages(fps=10) as opened:
        feeder = Feeder(opened.sink, scene[State.DENY])
        page = open_page(opened.url)
        words = {State.IDLE: "Ready", State.PASS: "Pass", State.UNCERTAIN: "Out of order"}
        for state, title in words.items():
            feeder.show(scene[state])
            expect(page.locator("#words")).to_have_text(title)
            expect(page.locator("#decision")).to_have_attribute("data-state", state)
            expect(page.locator("#shape")).to_have_attribute("href", f"#shape-{state}")
            expect(page.locator("#events li").first).to_have_attribute("data-state", state)
        feeder.stop()


def test_without_news_the_page_says_so_and_shows_no_decision(scene, open_page):
    with pages(fps=10) as opened:
        feeder = Feeder(opened.sink, scene[State.PASS])
        page = open_page(opened.url)
        expect(page.locator("#words")).to_have_text("Pass")
        feeder.stop()
        expect(page.locator("#words")).to_have_text("No connection", timeout=10_000)
        expect(page.locator("#decision")).to_have_attribute("data-state", "stale")
        expect(page.locator("#link")).to_have_text("Not live")
        expect(page.locator("#cover")).to_be_visible()
        feeder = Feeder(opened.sink, scene[State.PASS])
        expect(page.locator("#words")).to_have_text("Pass")
        expect(page.locator("#cover")).to_be_hidden()
        feeder.stop()


def test_the_page_comes_back_after_a_restart_of_the_door(scene, open_page):
    with pages(feed=scene[State.PASS], fps=10) as first:
        port = first.client.port
        page = open_page(first.url, allowed=("WebSocket", "Failed to load resource"))
        expect(page.locator("#words")).to_have_text("Pass")
    expect(page.locator("#words")).to_have_text("No connection", timeout=10_000)
    with pages(feed=scene[State.DENY], fps=10, port=port):
        expect(page.locator("#words")).to_have_text("Put on your mask", timeout=15_000)
        expect(page.locator("#events li")).to_have_count(1)


def test_a_page_that_never_gets_news_does_not_keep_the_decision_it_came_with(door, open_page, browser):
    page = browser.new_page()
    page.route_web_socket("**/ws", lambda socket: None)
    page.goto(door.url, wait_until="domcontentloaded")
    expect(page.locator("#words")).to_have_text("Put on your mask")
    expect(page.locator("#words")).to_have_text("No connection", timeout=10_000)
    page.close()


def test_one_viewer_too_many_is_told_why(scene, open_page):
    with pages(feed=scene[State.PASS], viewers=1, fps=10) as opened:
        first = open_page(opened.url)
        expect(first.locator("#link")).to_have_text("Live")
        second = open_page(opened.url)
        expect(second.locator("#reason")).to_have_text("1 viewers are watching already")
        expect(second.locator("#decision")).to_have_attribute("data-state", "stale")
        first.close()
        expect(second.locator("#link")).to_have_text("Live", timeout=15_000)


def test_many_tabs_of_one_browser_all_work(door, open_page):
    tabs = [open_page(door.url)]
    tabs += [tabs[0].context.new_page() for _ in range(6)]
    for tab in tabs[1:]:
        tab.goto(door.url, wait_until="domcontentloaded")
        expect(tab.locator("#link")).to_have_text("Live")


# --- login


@pytest.fixture
def locked(scene, tmp_path):
    with pages(feed=scene[State.PASS], password_file=str(write_passwords(tmp_path)), fps=10) as opened:
        yield opened


def log_in(page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("role", Role)
def test_login_by_keyboard_and_logout(locked, open_page, role):
    page = open_page(locked.url)
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page, PASSWORDS[role])
    expect(page.locator("#words")).to_have_text("Pass")
    assert page.evaluate("document.body.dataset.role") == role.user
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading")).to_have_text("Log in")
    page.go_back()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_wrong_password_is_told(locked, open_page):
    page = open_page(locked.url, allowed=("401",))
    log_in(page, "wrong horse")
    expect(page.get_by_role("alert")).to_have_text("This password is wrong.")


def test_a_page_whose_session_ends_asks_for_the_password(locked, open_page):
    page = open_page(locked.url, allowed=("401", "WebSocket"))
    log_in(page, PASSWORDS[Role.VIEWER])
    expect(page.locator("#link")).to_have_text("Live")
    other = page.context.new_page()
    other.goto(locked.url, wait_until="domcontentloaded")
    other.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=15_000)


def test_below_the_path_of_a_proxy(locked, open_page):
    with below_a_path(locked.client.port) as url:
        page = open_page(url)
        assert page.url == f"{url}login?next="
        log_in(page, PASSWORDS[Role.ADMIN])
        expect(page.locator("#link")).to_have_text("Live")
        (cookie,) = page.context.cookies()
        assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == (PREFIX, True, "Strict")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert page.context.cookies() == []


# --- everybody


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("state", [State.IDLE, State.PASS, State.DENY, State.UNCERTAIN])
def test_axe_finds_nothing_on_the_live_page(scene, open_page, state, dark):
    with pages(feed=scene[state], fps=10) as opened:
        page = open_page(opened.url, dark)
        expect(page.locator("#link")).to_have_text("Live")
        assert violations(page) == []
        if state is State.DENY and not dark:
            shoot(page, "web", opened)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_the_login_page_and_without_news(scene, locked, open_page, dark):
    page = open_page(locked.url, dark, allowed=("401",))
    assert violations(page) == []
    log_in(page, "wrong horse")
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    with pages() as opened:
        opened.sink.handle(scene[State.PASS])
        page = open_page(opened.url, dark)
        expect(page.locator("#words")).to_have_text("No connection", timeout=10_000)
        assert violations(page) == []


@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE], ids=["390 px", "320 px"])
def test_a_phone_needs_no_scrolling_to_the_side(door, open_page, size):
    page = open_page(door.url, dark=True, viewport=size, device_scale_factor=2, is_mobile=True)
    expect(page.locator("#link")).to_have_text("Live")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    words = page.locator("#words").bounding_box()
    assert words["y"] + words["height"] < size["height"] / 2
    if size is PHONE:
        shoot(page, "web-phone", door)


def test_large_letters_fit_too(door, open_page):
    page = open_page(door.url, viewport=PHONE)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    expect(page.locator("#link")).to_have_text("Live")
    words = page.locator("#words").bounding_box()
    assert words["x"] + words["width"] <= PHONE["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_decision_is_announced(door, open_page):
    page = open_page(door.url)
    status = page.get_by_role("status")
    expect(status).to_contain_text("Put on your mask")
    expect(status).to_have_attribute("aria-live", "polite")


def test_without_a_script_a_still_is_renewed(door, open_page):
    page = open_page(door.url, java_script_enabled=False)
    assert "Put on your mask" in page.content()
    still = page.locator("noscript img, .view > img:not([hidden])").first
    expect(still).to_be_visible()
    with page.expect_navigation(timeout=10_000):
        pass  # by itself
    assert "Put on your mask" in page.content()


def test_who_wants_no_motion_gets_none(door, open_page):
    page = open_page(door.url, reduced_motion="reduce")
    expect(page.locator("#link")).to_have_text("Live")
    duration = page.locator("#decision").evaluate("node => getComputedStyle(node).transitionDuration")
    assert duration == "0s"


def test_the_picture_may_be_none_of_the_cameras(scene, open_page):
    with pages(feed=replace(scene[State.PASS]), pictures="none", fps=10) as opened:
        page = open_page(opened.url)
        expect(page.locator("#caption")).to_contain_text("boxes only")
        expect(picture(page)).to_be_visible()
