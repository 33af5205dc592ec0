"""Talking to systemd, on real sockets."""

import os
import socket
import threading

import pytest

from edge.host.sdnotify import Notifier, Supervision
from edge.loop import Loop
from edge.sources.live import LiveFeed
from edge.types import Cause, Decision, FrameResult, State
from tests.edge.sources.builders import FakeCamera
from tests.pipelines import ListSource, build, scene


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """A listening socket and the environment that points to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = str(tmp_path / "notify") if request.param == "path" else f"@mask-edge-test-{os.getpid()}"
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(0.2)
        yield listener, {"NOTIFY_SOCKET": name}


def received(listener) -> list[str]:
    lines = []
    while True:
        try:
            lines += listener.recv(4096).decode().splitlines()
        except TimeoutError:
            return lines


def test_messages_arrive_on_path_and_abstract_sockets(systemd):
    listener, environment = systemd
    notifier = Notifier(environment)
    notifier.send("READY=1", "STATUS=fine")
    assert notifier.active
    assert listener.recv(4096) == b"READY=1\nSTATUS=fine"


@pytest.mark.parametrize("address", ["", "vsock:2:9", "/nowhere/notify"])
def test_without_a_listener_nothing_happens(address):
    Notifier({"NOTIFY_SOCKET": address}).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
    ],
)
def test_the_watchdog_interval_is_read_from_the_environment(environment, seconds):
    assert Notifier({"NOTIFY_SOCKET": "/run/x"} | environment).watchdog_s == seconds
    assert Notifier(environment).watchdog_s is None


class Recorder:
    """A notifier that keeps what it is told, and with which clock."""

    def __init__(self, watchdog_s=None):
        self.watchdog_s, self.lines = watchdog_s, []

    def send(self, *lines):
        self.lines += lines

    def count(self, line):
        return self.lines.count(line)


def result(state=State.PASS, cause=Cause.ALL_MASKED, degraded=None):
    return FrameResult(None, (), (), Decision(state, 0.0, {}, cause), (), degraded=degraded)


def test_the_watchdog_is_fed_four_times_an_interval_and_not_every_round():
    now, notifier = [0.0], Recorder(watchdog_s=20.0)
    supervision = Supervision(notifier, clock=lambda: now[0])
    supervision.ready()
    for tick in range(1, 201):
        now[0] = tick / 10
        supervision.step(tick, None)
    assert notifier.count("WATCHDOG=1") == 4


def test_without_a_watchdog_none_is_fed():
    notifier = Recorder()
    supervision = Supervision(notifier, clock=iter(range(0, 1000, 100)).__next__)
    supervision.ready()
    supervision.step(1, None)
    assert notifier.count("WATCHDOG=1") == 0


def test_the_status_tells_a_new_decision_at_once_and_the_rate_every_ten_seconds():
    now, notifier = [0.0], Recorder()
    supervision = Supervision(notifier, clock=lambda: now[0])
    supervision.ready()
    for tick in range(1, 251):
        now[0] = tick / 10
        frames = tick if tick <= 100 else 100 + (tick - 100) // 2
        supervision.step(frames, result(State.DENY, Cause.NO_MASK) if 50 <= tick < 60 else result())
    assert [line for line in notifier.lines if line.startswith("STATUS=")] == [
        "STATUS=ready, waiting for the first picture",
        "STATUS=PASS: every face wears its mask",
        "STATUS=DENY: a face without a mask",
        "STATUS=PASS: every face wears its mask",
        "STATUS=PASS: every face wears its mask; 10.0 fps",
        "STATUS=PASS: every face wears its mask; 5.0 fps",
    ]


def test_the_status_says_what_is_degraded_and_when_it_is_mended():
    notifier = Recorder()
    supervision = Supervision(notifier, clock=lambda: 0.0)
    for fault in (None, "the Edge TPU has gone", None):
        supervision.step(1, result(degraded=fault))
    fine = "STATUS=PASS: every face wears its mask"
    assert notifier.lines == [fine, f"{fine}; DEGRADED: the Edge TPU has gone", fine]


def test_a_status_is_one_line_whatever_a_camera_says(systemd):
    """A line end in it would be another message to systemd; a name that is not UTF-8 cannot be sent."""
    listener, environment = systemd
    said = Decision(State.UNCERTAIN, 0.0, {}, Cause.CAMERA_LOST, "usb:/caf\udce9\nWATCHDOG=1")
    Supervision(Notifier(environment)).step(1, FrameResult(None, (), (), said, ()))
    assert received(listener) == ["STATUS=UNCERTAIN: usb:/caf\\xe9\\nWATCHDOG=1"]


def test_the_loop_says_ready_then_what_it_decides_then_stopping(systemd):
    listener, environment = systemd
    Loop(ListSource([scene(0)]), build(), [], supervision=Supervision(Notifier(environment))).run()
    lines = received(listener)
    assert lines[0] == "READY=1"
    assert any(line.startswith("STATUS=UNCERTAIN") or line.startswith("STATUS=IDLE") for line in lines[2:-2])
    assert lines[-2] == "STOPPING=1"


def test_a_stage_that_hangs_starves_the_watchdog():
    notifier, hangs, release = Recorder(watchdog_s=0.004), threading.Event(), threading.Event()
    pipeline = build()
    detect = pipeline.detector.detect

    def hang(frame, threshold):
        if frame.index == 3:
            hangs.set()
            release.wait(10)
        return detect(frame, threshold)

    pipeline.detector.detect = hang
    loop = threading.Thread(
        target=Loop(
            ListSource(scene(i) for i in range(5)), pipeline, [], supervision=Supervision(notifier)
        ).run
    )
    loop.start()
    assert hangs.wait(10)
    fed = notifier.count("WATCHDOG=1")
    assert fed > 0
    assert not release.wait(0.05)
    assert notifier.count("WATCHDOG=1") == fed
    release.set()
    loop.join(10)


def test_a_lost_camera_does_not_starve_the_watchdog_and_the_status_says_uncertain():
    notifier, stop = Recorder(watchdog_s=0.004), threading.Event()
    feed = LiveFeed(lambda: FakeCamera(frames=2), back_off=(60.0,))
    loop = threading.Thread(target=Loop(feed, build(), [], stop=stop, supervision=Supervision(notifier)).run)
    loop.start()
    while feed.problem is None:
        stop.wait(0.01)
    before = notifier.count("WATCHDOG=1")
    stop.wait(1.0)
    assert notifier.count("WATCHDOG=1") >= before + 2
    assert notifier.lines[-1] == "WATCHDOG=1"
    assert any(line.startswith("STATUS=UNCERTAIN: ") and "unplugged" in line for line in notifier.lines)
    stop.set()
    loop.join(10)
    assert notifier.count("STOPPING=1") == 1
