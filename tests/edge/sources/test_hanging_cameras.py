"""Cameras that freeze or hang, and a feed that must still end."""

import math
import os
import signal
import threading
import time

import numpy as np
import pytest

from edge.errors import CameraHangsError, SourceError
from edge.sources.live import LiveFeed
from edge.types import Cause, Frame, Problem
from tests.edge.sources.builders import FakeCamera, read_one


@pytest.mark.parametrize(
    ("value", "frozen_after_s", "reopened"), [(90, 0.1, True), (90, math.inf, False), (7, 0.1, False)]
)
def test_a_frozen_camera_is_opened_again_but_not_a_stream_or_a_dark_room(value, frozen_after_s, reopened):
    class Frozen(FakeCamera):
        def read(self, timeout):
            return (
                Frame(np.full((48, 64, 3), value, np.uint8), 0, time.monotonic(), "fake")
                if super().read(timeout)
                else None
            )

    cameras = []
    with LiveFeed(
        lambda made=cameras: made.append(Frozen()) or made[-1],
        back_off=(0.01,),
        frozen_after_s=frozen_after_s,
    ) as feed:
        problems, deadline = set(), time.monotonic() + (5 if reopened else 0.5)
        while time.monotonic() < deadline and not (reopened and len(cameras) >= 3):
            feed.read(0.01)
            problems.add(str(feed.problem))
    assert (len(cameras) > 1) == reopened
    assert (
        any("fake: the picture is frozen; if opening it again" in str(problem) for problem in problems)
        == reopened
    )


class HangingCamera(FakeCamera):
    """Gives two frames, and then its driver does not come back until `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def read(self, timeout: float) -> Frame | None:
        if self.index >= 2:
            self.release.wait(20)
        return super().read(timeout)


def test_a_camera_that_hangs_is_the_problem_and_a_frame_ends_it():
    camera = HangingCamera()
    with LiveFeed(lambda: camera, hangs_after_s=0.05, gives_up_after_s=60) as feed:
        deadline = time.monotonic() + 5
        while feed.problem is None and time.monotonic() < deadline:
            feed.read(0.02)
        assert feed.problem == Problem(
            Cause.CAMERA_HANGS, "fake: the camera hangs: its driver does not answer"
        )
        camera.release.set()
        assert read_one(feed) is not None
        assert feed.problem is None


def test_a_camera_that_hangs_on_is_an_error_that_ends_the_run():
    camera = HangingCamera()
    feed = LiveFeed(lambda: camera, hangs_after_s=0.02, gives_up_after_s=0.1)
    with pytest.raises(
        CameraHangsError,
        match=r"fake: the camera hangs: no answer for .* ending, so that the service starts again",
    ):
        while True:
            feed.read(0.02)
    camera.release.set()
    feed.close()


def test_waiting_between_attempts_is_not_a_hang():
    cameras = iter([FakeCamera(frames=1)])
    opener = lambda: next(cameras, None) or (_ for _ in ()).throw(SourceError("gone"))  # noqa: E731
    with LiveFeed(opener, back_off=(0.3,), hangs_after_s=0.02, gives_up_after_s=0.05) as feed:
        for _ in range(20):
            feed.read(0.02)
        assert str(feed.problem) in ("fake: unplugged", "gone")


def test_closing_a_feed_while_the_camera_is_gone_does_not_wait_for_the_back_off():
    cameras = iter([FakeCamera(frames=1)])
    feed = LiveFeed(
        lambda: next(cameras, None) or (_ for _ in ()).throw(SourceError("gone")), back_off=(60.0,)
    )
    while feed.problem is None:
        feed.read(0.05)
    start = time.monotonic()
    feed.close()
    assert time.monotonic() - start < 2


class Interrupted(Exception):
    pass


def test_a_signal_ends_the_waiting_for_a_camera_that_is_being_opened(monkeypatch):
    """A driver, or ten seconds of a network address that does not answer."""

    def interrupt(*_):
        raise Interrupted

    let_go, camera, stuck = threading.Event(), FakeCamera(), []
    monkeypatch.setattr("edge.sources.live.STUCK", stuck)
    previous = signal.signal(signal.SIGUSR1, interrupt)
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    try:
        with pytest.raises(Interrupted):
            LiveFeed(lambda: let_go.wait(20) and camera)
    finally:
        signal.signal(signal.SIGUSR1, previous)
        let_go.set()
    (thread,) = stuck
    thread.join(5)
    assert camera.closed


@pytest.mark.parametrize("wait", [False, True])
def test_a_camera_whose_opening_hangs_is_an_error(wait, monkeypatch):
    monkeypatch.setattr("edge.sources.live.STUCK", [])
    let_go = threading.Event()
    with pytest.raises(CameraHangsError, match=r"cam: the camera hangs: no answer for .* try a hammer"):
        LiveFeed(
            lambda: let_go.wait(20) and FakeCamera(),
            wait=wait,
            name="cam",
            opens_within_s=0.05,
            hang_cure="try a hammer",
        )
    let_go.set()


def test_what_is_no_fault_of_the_source_is_raised_although_the_service_waits():
    def broken():
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        LiveFeed(broken, wait=True)
