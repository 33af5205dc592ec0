"""The window: what it draws, when it ends the program, and what it says where there is no desktop."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext

import cv2
import numpy as np
import pytest

from edge.errors import MissingLibraryError, SinkError
from edge.sinks.window import signboard
from edge.sinks.window import sink as window
from edge.sinks.window.config import WindowConfig
from edge.sinks.window.signboard import BANNER, GROUNDS, draw_signboard
from edge.sinks.window.sink import WindowSink
from edge.types import BoundingBox, Cause, Decision, FrameResult, Label, State, Track, TrackStatus
from tests.builders import make_frame
from tests.edge.sinks.builders import check_contract, make_result

HAS_WINDOWS = not re.search(r"GUI:\s+NONE", cv2.getBuildInformation())


def picture(state, tracks=(), counts=None, width=640, height=480, frame=True, reason=""):
    decision = Decision(state, 0.0, counts or {}, Cause.LOOKING, reason)
    return FrameResult(make_frame(90, width, height) if frame else None, (), tuple(tracks), decision, ())


def face(x, y, size, label, status=TrackStatus.CONFIRMED):
    return Track(1, BoundingBox(x, y, x + size, y + 1.2 * size), label, 0.9, 1.0, status)


# --- what it draws


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (800, 480), (640, 480), (320, 240)])
def test_the_words_stand_wholly_in_the_banner_and_are_large(state, width, height):
    out = draw_signboard(picture(state, counts={Label.UNKNOWN: 1}), width, height)
    assert out.shape == (height, width, 3)
    banner = out[height - round(height * BANNER) :]
    ink = (banner != np.array(GROUNDS[state])).any(axis=2)
    assert not (ink[0].any() or ink[-1].any() or ink[:, 0].any() or ink[:, -1].any()), "cut off"
    rows = np.flatnonzero(ink.any(axis=1))
    title = rows[: np.flatnonzero(np.diff(rows) > 1)[0] + 1]
    assert len(title) / height > 1 / 14  # 21 mm on a monitor of 300 mm


def test_a_long_reason_is_shortened_not_cut_off():
    reason = (
        "no picture from the camera: /dev/video0 is gone, "
        "plug it in again, or look whether another program has it"
    )
    out = draw_signboard(picture(State.UNCERTAIN, frame=False, reason=reason), 640, 480)
    ink = (out[480 - round(480 * BANNER) :] != np.array(GROUNDS[State.UNCERTAIN])).any(axis=2)
    assert not (ink[:, :5].any() or ink[:, -5:].any())
    assert not out[: 480 - round(480 * BANNER)].any()


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1920, 1080), (480, 640), (64, 48)])
def test_the_view_keeps_its_shape_and_boxes_their_place(width, height):
    track = face(width * 0.4, height * 0.3, width * 0.2, Label.WITHOUT_MASK)
    out = draw_signboard(picture(State.DENY, [track], width=width, height=height), 1280, 720)
    view = out[: 720 - round(720 * BANNER)]
    columns, rows = (
        np.flatnonzero((view == 90).all(axis=2).any(axis=0)),
        np.flatnonzero((view == 90).all(axis=2).any(axis=1)),
    )
    assert (columns[-1] - columns[0] + 1) / (rows[-1] - rows[0] + 1) == pytest.approx(
        width / height, rel=0.02
    )
    scale = (columns[-1] - columns[0] + 1) / width
    red = (view == signboard.LABEL_COLOURS[Label.WITHOUT_MASK]).all(axis=2)
    bottom = round(track.box.ymax * scale)
    assert red[
        bottom - 3 : bottom + 4, round(columns[0] + (track.box.xmin + track.box.xmax) / 2 * scale)
    ].any()


def test_labels_stay_in_the_view_and_off_each_other(monkeypatch):
    spots = []
    real = signboard._draw_label
    monkeypatch.setattr(
        signboard,
        "_draw_label",
        lambda view, *rest: spots.append((real(view, *rest), view.shape)) or spots[-1][0],
    )
    rng = np.random.default_rng(3)
    crowd = [
        face(x, y, 70, list(Label)[i % 4])
        for i, (x, y) in enumerate(zip(rng.uniform(0, 570, 6), rng.uniform(0, 400, 6), strict=True))
    ]
    draw_signboard(picture(State.DENY, crowd), 1280, 720)
    assert len(spots) == 6
    for number, ((left, top, right, bottom), shape) in enumerate(spots):
        assert 0 <= left < right <= shape[1]
        assert 0 <= top < bottom <= shape[0]
        assert not any(signboard._overlap(spots[number][0], other) for other, _ in spots[:number])


def test_a_single_label_is_readable_from_three_metres():
    """Capitals of 1/20 of the monitor's height: 15 mm of 300 mm, seen from 3 m.

    Measured as the height of the white ink on the label's ground.
    """
    out = draw_signboard(picture(State.DENY, [face(250, 200, 100, Label.WITHOUT_MASK)]), 1280, 720)
    white = (out[: 720 - round(720 * BANNER)] > 240).all(axis=2)
    rows = np.flatnonzero(white.any(axis=1))
    assert (rows[-1] - rows[0] + 1) / 720 >= 0.045


def test_lost_faces_are_not_drawn_and_the_frame_is_left_alone():
    result = picture(State.IDLE, [face(200, 200, 100, Label.WITH_MASK, TrackStatus.LOST)])
    before = result.frame.pixels.copy()
    view = draw_signboard(result, 640, 480)[: 480 - round(480 * BANNER)]
    assert set(np.unique(view)) == {0, 90}
    assert np.array_equal(result.frame.pixels, before)


# --- when it ends


class FakeGui:
    """OpenCV's window calls; `key` is what is pressed, `visible` whether the window is there."""

    error = cv2.error
    WINDOW_NORMAL = WINDOW_KEEPRATIO = WINDOW_GUI_NORMAL = 0
    WND_PROP_FULLSCREEN, WINDOW_FULLSCREEN, WND_PROP_VISIBLE = 0, 1, 4

    def __init__(self):
        self.key, self.visible, self.shown, self.calls = -1, 1.0, [], []

    def imshow(self, title, pixels):
        self.shown.append(pixels)

    def waitKey(self, milliseconds):
        return self.key

    def getWindowProperty(self, title, what):
        if self.visible is None:
            raise cv2.error("NULL window")
        return self.visible

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.fixture
def gui(monkeypatch):
    fake = FakeGui()
    monkeypatch.setattr(window, "import_cv2", lambda: fake)
    monkeypatch.setattr(window, "_require_desktop", lambda cv2: None)
    monkeypatch.setattr(window, "_desktop_that_works", nullcontext)
    return fake


def test_contract(gui):
    check_contract(WindowSink(WindowConfig(width=320, height=240), lambda: None))


def test_it_shows_every_frame_in_opencvs_colour_order(gui):
    sink = WindowSink(WindowConfig(width=640, height=480), lambda: None)
    sink.handle(make_result(State.DENY))
    assert gui.shown[0].shape == (480, 640, 3)
    assert gui.shown[0][-1, 0].tolist() == list(GROUNDS[State.DENY])[::-1]


@pytest.mark.parametrize(
    ("key", "visible"), [(ord("q"), 1.0), (27, 1.0), (0x100000 + 27, 1.0), (-1, 0.0), (-1, -1.0), (-1, None)]
)
def test_q_escape_and_closing_the_window_end_the_program_once(gui, key, visible):
    quits = []
    sink = WindowSink(WindowConfig(), lambda: quits.append(1))
    sink.handle(make_result())
    assert not quits
    gui.key, gui.visible = key, visible
    sink.handle(make_result())
    sink.handle(make_result())
    sink.close()
    assert quits == [1]
    assert len(gui.shown) == 2
    assert [call[0] for call in gui.calls].count("destroyAllWindows") == 1


def test_other_keys_do_nothing(gui):
    quits = []
    sink = WindowSink(WindowConfig(), lambda: quits.append(1))
    gui.key = ord("x")
    sink.handle(make_result())
    assert not quits


@pytest.mark.parametrize("fullscreen", [True, False])
def test_full_screen_is_asked_for(gui, fullscreen):
    WindowSink(WindowConfig(fullscreen=fullscreen), lambda: None)
    assert (("setWindowProperty", "mask-edge", 0, 1) in gui.calls) == fullscreen


# --- what it says


def test_an_opencv_without_windows_names_the_package(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    with pytest.raises(
        MissingLibraryError, match="this OpenCV has no windows; `sudo apt install python3-opencv`"
    ):
        WindowSink(WindowConfig(), lambda: None)


def test_no_desktop_is_said_before_qt_can_abort(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:  QT5\n")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SinkError, match=r"no desktop \(DISPLAY is not set\); start it from the desktop"):
        WindowSink(WindowConfig(), lambda: None)


def test_a_desktop_that_kills_the_child_is_an_error_not_the_end(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:  QT5\n")
    monkeypatch.setattr(
        window,
        "PROBE",
        "import os, sys; print('could not connect to display :77', file=sys.stderr, flush=True); os.abort()",
    )
    monkeypatch.setenv("DISPLAY", ":77")
    with pytest.raises(
        SinkError, match=r"the desktop at DISPLAY=:77 cannot be used \(could not connect to display :77\)"
    ):
        WindowSink(WindowConfig(), lambda: None)


def test_a_desktop_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:  QT5\n")
    monkeypatch.setattr(window, "PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(window, "PROBE_LIMIT_S", 0.3)
    monkeypatch.setenv("DISPLAY", ":77")
    with pytest.raises(SinkError, match="it does not answer"):
        WindowSink(WindowConfig(), lambda: None)


REAL = """
import time
from edge.sinks.window.config import WindowConfig
from edge.sinks.window.sink import TITLE, WindowSink
from edge.types import State
from tests.edge.sinks.builders import make_result
import cv2
quits = []
sink = WindowSink(WindowConfig(width=640, height=480), lambda: quits.append(1))
for index in range(20):
    sink.handle(make_result(State.DENY, index))
    time.sleep(0.02)
print(cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE), quits)
cv2.destroyWindow(TITLE)
sink.handle(make_result(State.DENY, 21))
sink.close()
sink.close()
"""


@pytest.mark.skipif(not HAS_WINDOWS, reason="this OpenCV is headless: a real window was NOT tested")
@pytest.mark.skipif(
    shutil.which("xvfb-run") is None, reason="xvfb-run is not installed: a real window was NOT tested"
)
def test_a_real_window_under_xvfb():
    command = ["xvfb-run", "-a", sys.executable, "-c", REAL]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.stdout == "1.0 []\n", result
    assert result.returncode == 0
