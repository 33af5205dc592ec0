"""What the doctor says of the camera, and the probe that looks through it."""

import json
import subprocess

import numpy as np
import pytest

from edge.config.reading import as_tables, load_config
from edge.doctor import camera, probe
from edge.host.findings import Status, fail, ok
from edge.host.service_state import FILE, ServiceState, StateFile
from edge.types import Cause, State
from tests import fake_picamera2
from tests.edge.doctor.builders import context

GOOD = {
    "name": "usb:0",
    "frames": 40,
    "fps": 14.9,
    "width": 640,
    "height": 480,
    "format": "MJPG",
    "preview": None,
    "mean": [120.0, 110.0, 100.0],
    "problem": None,
}


def test_a_good_camera():
    detail = "usb:0: 640x480 MJPG, 14.9 of 15 fps, mean colour (R G B) 120 110 100"
    assert camera.camera_finding(GOOD, 15) == ok(detail)
    assert "detector's view 320x256" in camera.camera_finding(GOOD | {"preview": [320, 256]}, 15).detail


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"mean": [10.0, 9.0, 12.0]}, Status.WARN, "too dark"),
        ({"mean": [240.0, 241.0, 239.0]}, Status.WARN, "overexposed"),
        ({"mean": [60.0, 80.0, 110.0]}, Status.WARN, "red and blue may be exchanged"),
        ({"problem": "the picture is black: camera covered, or no light"}, Status.WARN, "covered"),
        ({"frames": 0}, Status.FAIL, "no picture came"),
    ],
)
def test_a_camera_that_is_not_good(change, status, words):
    result = camera.camera_finding(GOOD | change, 15)
    assert result.status is status
    assert words in result.detail
    assert result.next


def test_an_exchanged_picture_of_a_room_is_noticed():
    """Warm light, R G B; the same with red and blue exchanged."""
    mean = [140.0, 115.0, 85.0]
    assert camera.camera_finding(GOOD | {"mean": mean}, 15).status is Status.OK
    assert "exchanged" in camera.camera_finding(GOOD | {"mean": mean[::-1]}, 15).detail


def test_a_camera_error_is_split_into_cause_and_cure(tmp_path):
    machine = context(
        tmp_path,
        out='{"error": "usb:0: no device /dev/video0 (present: none)", "cure": "plug the camera in"}',
    )
    assert camera.check_camera(machine) == fail(
        "usb:0: no device /dev/video0 (present: none)", "plug the camera in"
    )


def test_a_camera_whose_driver_hangs_or_crashes(tmp_path):
    def hang(words, timeout, text=""):
        raise subprocess.TimeoutExpired(words, timeout)

    assert "does not answer" in camera.check_camera(context(tmp_path, run=hang)).detail
    assert "crashes (signal 11)" in camera.check_camera(context(tmp_path, code=-11)).detail


def test_the_running_services_camera_is_left_alone(tmp_path):
    def never(words, timeout, text=""):
        raise AssertionError("opened")

    StateFile(service_folder(tmp_path)).write(ServiceState(State.IDLE, Cause.NOBODY, "nobody in view", 14.9))
    result = camera.check_camera(context(tmp_path, service={"ActiveState": "active"}, run=never))
    assert result.status is Status.OK
    assert "the running service's (IDLE: nobody in view; 14.9 fps)" in result.detail


def service_folder(root):
    folder = (root / FILE).parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.CAMERA_LOST, Status.FAIL),
        (Cause.PICTURE_BLACK, Status.FAIL),
        (Cause.NO_RESULT, Status.FAIL),
        (Cause.LOOKING, Status.OK),
        (None, Status.OK),
    ],
)
def test_what_the_running_service_sees_counts(tmp_path, cause, status):
    if cause is not None:
        StateFile(service_folder(tmp_path)).write(ServiceState(State.UNCERTAIN, cause, "why: because; ok"))
    result = camera.check_camera(context(tmp_path, service={"ActiveState": "active"}))
    assert result.status is status
    assert ("why: because; ok" if cause else "not seen a frame yet") in result.detail


@pytest.mark.parametrize(("uri", "status"), [("demo", Status.OK), ("/nowhere.mp4", Status.FAIL)])
def test_without_a_camera_nothing_is_opened(tmp_path, uri, status):
    assert (
        camera.check_camera(context(tmp_path, load_config(None, {"MASK_EDGE_SOURCE_URI": uri}))).status
        is status
    )


def test_passwords_stay_out_of_the_report(tmp_path):
    config = load_config(None, {"MASK_EDGE_SOURCE_URI": "rtsp://door:secret@cam/1"})
    for code, state in [(0, "active"), (-11, "inactive")]:
        assert "secret" not in str(
            camera.check_camera(context(tmp_path, config, code=code, service={"ActiveState": state}))
        )


def test_the_probe_watches_a_live_source(monkeypatch):
    monkeypatch.setattr(probe, "WATCH_S", 0.5)
    seen = probe.probe_camera(load_config(None, {"MASK_EDGE_SOURCE_URI": "demo"}))
    assert (seen["width"], seen["height"], seen["problem"], seen["preview"]) == (640, 480, None, None)
    assert seen["frames"] >= 2
    assert all(20 < value < 230 for value in seen["mean"])


def test_the_probe_of_a_camera_module(monkeypatch):
    scene = np.random.default_rng(0).integers(0, 200, (480, 640, 3), np.uint8)
    fake_picamera2.install(monkeypatch, fake_picamera2.Device(scene))
    monkeypatch.setattr(probe, "WATCH_S", 0.3)
    seen = probe.probe_camera(load_config(None, {"MASK_EDGE_SOURCE_URI": "picamera"}))
    assert (seen["name"], seen["width"], seen["height"], seen["format"]) == ("picamera:0", 640, 480, "BGR888")
    assert seen["preview"] is not None


def test_an_ai_camera_is_not_opened_by_the_doctor(monkeypatch):
    device = fake_picamera2.Device(np.zeros((48, 64, 3), np.uint8), properties={"Model": "imx500"})
    fake_picamera2.install(monkeypatch, device)
    seen = probe.probe_camera(load_config(None, {"MASK_EDGE_SOURCE_URI": "picamera"}))
    assert not device.configurations
    finding = camera.camera_finding(seen, 15)
    assert finding.status is Status.OK
    assert "picamera:0 is there (imx500); not opened" in finding.detail


def test_the_probe_of_a_missing_camera_is_one_line(capsys):
    config = load_config(None, {"MASK_EDGE_SOURCE_URI": "/dev/video99"})
    probe.look("camera", json.dumps(as_tables(config)))
    assert json.loads(capsys.readouterr().out)["error"].startswith("usb:99: no device /dev/video99")
