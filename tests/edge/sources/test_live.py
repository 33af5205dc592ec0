"""The live feed: the newest frame wins, and a lost camera is opened again."""

import threading
import time

import pytest

from edge.errors import MissingLibraryError, SourceError
from edge.sources.live import LiveFeed
from tests.edge.sources.builders import FakeCamera, read_one


def test_the_newest_frame_wins_and_the_others_are_counted():
    with LiveFeed(FakeCamera) as feed:
        first = feed.read(2)
        time.sleep(0.2)
        second = feed.read(2)
        assert second.index > first.index + 3
        assert feed.dropped >= 3
        assert time.monotonic() - second.captured_at < 0.1


def test_a_wrong_address_is_an_error_at_once():
    def broken():
        raise SourceError("no such camera")

    with pytest.raises(SourceError, match="no such camera"):
        LiveFeed(broken)


def test_a_camera_that_is_not_there_yet_is_waited_for_if_asked():
    plugged_in = threading.Event()

    def open_camera():
        if not plugged_in.is_set():
            raise SourceError("fake: no device")
        return FakeCamera()

    with LiveFeed(open_camera, back_off=(0.02,), wait=True, name="usb:0") as feed:
        assert feed.read(0.05) is None
        assert (feed.name, str(feed.problem), feed.finished) == ("usb:0", "fake: no device", False)
        plugged_in.set()
        assert feed.read(5) is not None
        assert (feed.name, feed.problem) == ("fake", None)


def test_a_missing_library_is_not_waited_for():
    def broken():
        raise MissingLibraryError("no OpenCV")

    with pytest.raises(MissingLibraryError):
        LiveFeed(broken, wait=True)


def test_a_lost_camera_is_opened_again_and_says_so_meanwhile():
    cameras = []
    allowed = threading.Event()

    def open_camera():
        if cameras and not allowed.is_set():
            raise SourceError("fake: still gone")
        cameras.append(FakeCamera(frames=3 if not cameras else 10**9))
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.02, 0.04)) as feed:
        deadline = time.monotonic() + 5
        while feed.problem is None and time.monotonic() < deadline:
            feed.read(0.05)
        assert "unplugged" in str(feed.problem) or "still gone" in str(feed.problem)
        assert not feed.finished
        assert cameras[0].closed
        allowed.set()
        frame = None
        while frame is None and time.monotonic() < deadline:
            frame = feed.read(0.05)
        assert frame is not None
        assert (feed.problem, feed.lost, len(cameras)) == (None, 1, 2)


def test_a_camera_whose_binding_raises_anything_is_opened_again():
    class Nasty(FakeCamera):
        def read(self, timeout):
            raise RuntimeError("Camera frontend has timed out")

        def close(self):
            raise ValueError("not open")

    cameras = iter([Nasty(), FakeCamera()])
    with LiveFeed(lambda: next(cameras), back_off=(0.01,)) as feed:
        deadline, frame = time.monotonic() + 5, None
        while frame is None and time.monotonic() < deadline:
            frame = feed.read(0.05)
        assert frame is not None
        assert feed.lost == 1


def test_a_camera_that_comes_and_goes_waits_longer_each_time_and_is_said_once(caplog):
    caplog.set_level("INFO")
    opened = []

    def open_camera():
        opened.append(time.monotonic())
        return FakeCamera(frames=2)

    with LiveFeed(open_camera, back_off=(0.01, 0.02, 0.04, 0.3)) as feed:
        deadline = time.monotonic() + 5
        while len(opened) < 6 and time.monotonic() < deadline:
            feed.read(0.05)
    assert opened[5] - opened[4] >= 0.3
    words = [record.message for record in caplog.records]
    assert words.count("fake: unplugged; trying again") == 1
    assert sum("pictures again after" in line for line in words) == 1


def test_a_camera_that_ran_steadily_begins_its_back_off_anew(caplog):
    now = [0.0]
    cameras = []

    def open_camera():
        cameras.append(FakeCamera())
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.01, 60.0), clock=lambda: now[0]) as feed:
        for lost in (1, 2, 3):
            assert read_one(feed) is not None
            now[0] += 31.0
            cameras[-1].frames = 0
            deadline = time.monotonic() + 5
            while len(cameras) <= lost and time.monotonic() < deadline:
                feed.read(0.02)
        assert len(cameras) == 4
    assert caplog.text.count("fake: unplugged; trying again") == 3


def test_a_camera_that_opens_but_gives_nothing_is_one_loss_until_it_gives_something(caplog):
    caplog.set_level("INFO")
    cameras = []

    def open_camera():
        cameras.append(FakeCamera(frames=10**9 if len(cameras) in (0, 4) else 0))
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.01,)) as feed:
        assert read_one(feed) is not None
        cameras[0].frames = 0
        deadline = time.monotonic() + 5
        while len(cameras) < 5 and time.monotonic() < deadline:
            feed.read(0.02)
        assert read_one(feed) is not None
        assert feed.lost == 1
    assert [line.partition(" after")[0] for line in caplog.messages] == [
        "fake: unplugged; trying again",
        "fake: pictures again",
    ]
    assert "4 attempts" in caplog.text


def test_a_frame_that_waited_while_the_process_was_stopped_is_not_given():
    now = [100.0]
    with LiveFeed(lambda: FakeCamera(frames=1), back_off=(60.0,), clock=lambda: now[0]) as feed:
        deadline = time.monotonic() + 5
        while feed._slot is None and time.monotonic() < deadline:
            time.sleep(0.005)
        now[0] += 2.0
        assert feed.read(0) is None
        assert feed.dropped == 1
