"""The doctor: every check on fake trees, and the guard that keeps it from hanging or crashing."""

import json
import os
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest

from edge.commands.doctor import CHECKS, make_context, run_doctor
from edge.config.reading import Config, DetectorConfig, as_tables, load_config
from edge.doctor import camera, devices, probe, service, software, system, users
from edge.doctor.check import Check, Context, Status, fail, guarded, ok, run_program, warn
from edge.inference.card import sha256_of
from tests import fake_picamera2
from tests.boardtree import add_users, hwmon, make_pi, write
from tests.builders import DATA
from tests.coral_fakes import tiny_models

TINY = {
    "MASK_EDGE_DETECTOR_MODEL": str(DATA / "blobs.tflite"),
    "MASK_EDGE_CLASSIFIER_MODEL": str(DATA / "brightness.tflite"),
}


def completed(out: str = "", code: int = 0) -> subprocess.CompletedProcess:
    return subprocess.CompletedProcess([], code, out, "")


def context(root, config=None, out="", code=0, programs=(), **options) -> Context:
    """A machine whose commands all answer the same."""
    return Context(
        config or Config(),
        root=root,
        machine="aarch64",
        run=lambda words, timeout, text="": completed(out, code),
        has=lambda name: name in programs,
        **options,
    )


# --- the guard and the report


def test_a_check_that_raises_is_a_finding(tmp_path):
    def broken(_):
        raise KeyError("what")

    result = guarded(Check("x", broken), context(tmp_path))
    assert result.status is Status.FAIL
    assert "KeyError: 'what'" in result.detail
    assert result.next


def test_a_check_that_hangs_is_a_finding(tmp_path):
    never = threading.Event()
    result = guarded(Check("x", lambda _: ok(str(never.wait(3))), deadline_s=0.05), context(tmp_path))
    never.set()
    assert result.status is Status.FAIL
    assert "no answer within" in result.detail


def test_a_program_that_does_not_end_is_ended():
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["sleep", "60"], 0.05)


@pytest.mark.parametrize(
    ("results", "code"),
    [([ok("a")], 0), ([ok("a"), warn("b", "c")], 0), ([warn("b", "c"), fail("d", "e"), ok("a")], 1)],
)
def test_only_a_failure_exits_with_1(tmp_path, results, code):
    checks = [Check(f"check{index}", lambda _, result=result: result) for index, result in enumerate(results)]
    lines = []
    assert run_doctor(context(tmp_path), False, False, lines.append, checks) == code
    assert len(lines) == len(results) + 1
    assert lines[-1].startswith(f"{len(results)} checks: ")


def test_the_report_says_what_to_do_in_a_line_of_its_own(tmp_path):
    lines = []
    run_doctor(
        context(tmp_path), False, False, lines.append, [Check("lamp", lambda _: fail("dark", "change it"))]
    )
    assert lines[0] == "fail  lamp           dark\n                     -> change it"
    assert lines[1] == "1 checks: 0 ok, 0 warn, 1 fail"


def test_json_is_one_object(tmp_path):
    lines = []
    checks = [Check("a", lambda _: ok("fine")), Check("b", lambda _: warn("so so", "do it"))]
    assert run_doctor(context(tmp_path), False, True, lines.append, checks) == 0
    (line,) = lines
    assert json.loads(line)["checks"] == [
        {"name": "a", "status": "ok", "detail": "fine", "next": ""},
        {"name": "b", "status": "warn", "detail": "so so", "next": "do it"},
    ]


def test_quick_leaves_out_what_is_slow(tmp_path):
    lines = []
    run_doctor(
        context(tmp_path),
        True,
        False,
        lines.append,
        [Check("a", lambda _: ok("")), Check("b", lambda _: ok(""), quick=False)],
    )
    assert len(lines) == 2


def test_no_check_breaks_on_an_empty_machine(tmp_path):
    """No /proc, no /sys, no /etc, no /dev: findings, but no check that breaks."""
    for check in CHECKS:
        assert "this check broke" not in guarded(check, context(tmp_path)).detail, check.name


# --- the machine


def test_a_healthy_pi(tmp_path):
    machine = context(make_pi(tmp_path))
    assert system.check_os(machine) == ok("Debian GNU/Linux 12 (bookworm), aarch64")
    assert system.check_board(machine) == ok("Raspberry Pi 4 Model B Rev 1.4")
    assert system.check_memory(machine) == ok("3100 of 3793 MB available")
    assert system.check_temperature(machine) == ok("48 C")
    assert system.check_power(machine) == ok("no under-voltage, not throttled")


def test_a_32_bit_system_fails(tmp_path):
    result = system.check_os(Context(Config(), root=make_pi(tmp_path), machine="armv7l"))
    assert result.status is Status.FAIL
    assert "64-bit" in result.next


def test_an_old_release_on_a_pi_is_a_warning_and_on_a_pc_is_none(tmp_path):
    make_pi(tmp_path, release=(11, "bullseye"))
    assert system.check_os(context(tmp_path)).status is Status.WARN
    (tmp_path / "proc/device-tree/model").unlink()
    assert system.check_os(context(tmp_path)).status is Status.OK


@pytest.mark.parametrize(
    ("free", "status"),
    [(20_000, Status.OK), (500, Status.OK), (499, Status.WARN), (50, Status.WARN), (49, Status.FAIL)],
)
def test_disk(free, status):
    assert system.judge_disk(free, 30_000).status is status


def test_little_memory_is_a_warning(tmp_path):
    assert system.check_memory(context(make_pi(tmp_path, available_mb=180))).status is Status.WARN


@pytest.mark.parametrize(
    ("celsius", "status", "words"),
    [(79.9, Status.OK, ""), (80.0, Status.WARN, ": too hot"), (86.0, Status.WARN, "far too hot")],
)
def test_temperature(tmp_path, celsius, status, words):
    make_pi(tmp_path, celsius=celsius)
    hwmon(tmp_path, 2, "pwmfan", fan1_input="0")
    result = system.check_temperature(context(tmp_path))
    assert result.status is status
    assert words in result.detail
    assert "fan 0 rpm" in result.detail


@pytest.mark.parametrize(
    ("options", "past", "words"),
    [
        ({"alarm": 1}, "0x0", "under-voltage now"),
        ({}, "0x50000", "under-voltage since the boot"),
        ({"throttled": "4"}, "0x0", "slowed down now"),
        ({}, "0xe0000", "slowed down since the boot"),
    ],
)
def test_power_warnings(tmp_path, options, past, words):
    result = system.check_power(
        context(make_pi(tmp_path, **options), out=f"throttled={past}\n", programs=("vcgencmd",))
    )
    assert result.status is Status.WARN
    assert words in result.detail


def test_a_vcgencmd_that_may_not_or_hangs_is_no_trouble(tmp_path):
    def hang(words, timeout, text=""):
        raise subprocess.TimeoutExpired(words, timeout)

    machine = Context(Config(), root=make_pi(tmp_path), run=hang, has=lambda name: True)
    assert system.check_power(machine).status is Status.OK
    assert (
        system.check_power(
            context(tmp_path, out="VCHI initialization failed\n", code=255, programs=("vcgencmd",))
        ).status
        is Status.OK
    )


# --- what was installed


def test_a_wrong_configuration_is_a_finding_and_the_others_go_on(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[sorce]\n")
    machine = make_context(path, {})
    result = software.check_config(machine)
    assert result.status is Status.FAIL
    assert "did you mean 'source'" in result.detail
    assert machine.config == Config()


def test_the_installed_configuration_is_taken_where_none_is_named(tmp_path):
    assert make_context(None, {}, tmp_path).config_path is None
    write(tmp_path, "etc/mask-edge/config.toml", "[source]\nuri = 'demo'\n")
    machine = make_context(None, {}, tmp_path)
    assert machine.config.source.uri == "demo"
    assert "etc/mask-edge/config.toml" in software.check_config(machine).detail


def test_models_are_compared_with_their_cards(tmp_path, model_copy):
    path = model_copy("brightness")
    config = load_config(None, TINY | {"MASK_EDGE_CLASSIFIER_MODEL": str(path)})
    good = software.check_models(context(tmp_path, config))
    assert good.status is Status.OK
    assert sha256_of(path)[:8] in good.detail
    path.write_bytes(path.read_bytes() + b"\0")
    bad = software.check_models(context(tmp_path, config))
    assert bad.status is Status.FAIL
    assert "SHA-256" in bad.detail


@pytest.mark.parametrize(
    ("named", "file"), [("auto", "face_detector.tflite"), ("wide", "face_detector_wide.tflite")]
)
def test_the_configured_detector_is_the_one_that_is_checked(tmp_path, named, file):
    result = software.check_models(context(tmp_path, Config(detector=DetectorConfig(model=named))))
    assert result.status is Status.OK
    assert f"{file} (detection," in result.detail


def test_the_runtime_runs_both_models_in_a_real_child():
    result = software.check_runtime(make_context(None, TINY))
    assert result.status is Status.OK, result
    assert "numpy" in result.detail
    assert "OpenCV" in result.detail
    assert "classifier" in result.detail


def test_the_child_runs_this_package_wherever_one_is(tmp_path, monkeypatch):
    """`sudo mask-edge doctor` typed in a checkout of another version must try what is installed."""
    write(tmp_path, "edge/__init__.py", "raise SystemExit('another version')\n")
    monkeypatch.chdir(tmp_path)
    assert software.check_runtime(make_context(None, TINY)).status is Status.OK


def test_no_password_is_in_the_list_of_processes(tmp_path):
    seen = []
    config = load_config(None, {"MASK_EDGE_SOURCE_URI": "rtsp://door:secret@cam/1"})

    def run(words, timeout, text=""):
        seen.append((words, text))
        return completed("{}")

    for check in (software.check_runtime, camera.check_camera):
        guarded(Check("x", check), Context(config, root=tmp_path, run=run))
    assert len(seen) == 2
    assert all("secret" in text and "secret" not in " ".join(words) for words, text in seen)


def test_what_is_wrong_in_the_child_comes_back_as_one_line():
    result = software.check_runtime(make_context(None, {"MASK_EDGE_DETECTOR_MODEL": "/nowhere.tflite"}))
    assert result.status is Status.FAIL
    assert result.detail.startswith("/nowhere.tflite: no such model")


@pytest.mark.parametrize(
    ("out", "code", "words"),
    [
        ("", -4, "crashes here (SIGILL)"),
        ("", -11, "SIGSEGV"),
        ("talk\n", 1, "but: talk"),
        ("[1]", 0, "no answer"),
    ],
)
def test_a_child_that_dies_or_talks_nonsense_is_a_finding(tmp_path, out, code, words):
    result = software.check_runtime(context(tmp_path, out=out, code=code))
    assert result.status is Status.FAIL
    assert words in result.detail


def test_the_last_line_is_the_answer():
    assert software.last_json('INFO: Created delegate\n{"models": {}}\n') == {"models": {}}


# --- the camera


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
    assert camera.judge(GOOD, 15) == ok(detail)
    assert "detector's view 320x256" in camera.judge(GOOD | {"preview": [320, 256]}, 15).detail


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
    result = camera.judge(GOOD | change, 15)
    assert result.status is status
    assert words in result.detail
    assert result.next


def test_an_exchanged_picture_of_a_room_is_noticed():
    """Warm light, R G B; the same with red and blue exchanged."""
    mean = [140.0, 115.0, 85.0]
    assert camera.judge(GOOD | {"mean": mean}, 15).status is Status.OK
    assert "exchanged" in camera.judge(GOOD | {"mean": mean[::-1]}, 15).detail


def test_a_camera_error_is_split_into_cause_and_cure(tmp_path):
    machine = context(
        tmp_path, out='{"error": "usb:0: no device /dev/video0 (present: none); plug the camera in"}'
    )
    assert camera.check_camera(machine) == fail(
        "usb:0: no device /dev/video0 (present: none)", "plug the camera in"
    )


def test_a_camera_whose_driver_hangs_or_crashes(tmp_path):
    def hang(words, timeout, text=""):
        raise subprocess.TimeoutExpired(words, timeout)

    assert "does not answer" in camera.check_camera(Context(Config(), root=tmp_path, run=hang)).detail
    assert "crashes (signal 11)" in camera.check_camera(context(tmp_path, code=-11)).detail


def test_the_running_services_camera_is_left_alone(tmp_path):
    def never(words, timeout, text=""):
        raise AssertionError("opened")

    machine = Context(
        Config(),
        root=tmp_path,
        run=never,
        service={"ActiveState": "active", "StatusText": "IDLE: nobody in view; 14.9 fps"},
    )
    result = camera.check_camera(machine)
    assert result.status is Status.OK
    assert "the running service's (IDLE: nobody in view; 14.9 fps)" in result.detail


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("UNCERTAIN: usb:0: no device /dev/video0; 0.0 fps", Status.FAIL),
        ("UNCERTAIN: the picture is black: camera covered, or no light; 9.8 fps", Status.FAIL),
        ("UNCERTAIN: looking; 9.8 fps", Status.OK),
        ("ready, waiting for the first picture", Status.OK),
        ("", Status.OK),
    ],
)
def test_what_the_running_service_sees_counts(tmp_path, text, status):
    result = camera.check_camera(context(tmp_path, service={"ActiveState": "active", "StatusText": text}))
    assert result.status is status
    assert text in result.detail


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


def test_the_probe_of_a_missing_camera_is_one_line(capsys):
    config = load_config(None, {"MASK_EDGE_SOURCE_URI": "/dev/video99"})
    probe.main("camera", json.dumps(as_tables(config)))
    assert json.loads(capsys.readouterr().out)["error"].startswith("usb:99: no device /dev/video99")


# --- users and devices


def lamps(**options) -> Config:
    return load_config(None, {"MASK_EDGE_SOURCE_URI": "usb:0", "MASK_EDGE_GPIO_LED": "17", **options})


SERVICE = {"LoadState": "loaded", "User": "mask-edge", "ActiveState": "active"}


def test_the_services_user_is_in_its_groups(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video", "gpio")
    assert users.check_groups(context(tmp_path, lamps(), service=SERVICE)) == ok(
        "mask-edge (the service's user) is in video, gpio"
    )


def test_a_missing_group_fails_with_the_command(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video")
    result = users.check_groups(context(tmp_path, lamps(), service=SERVICE))
    assert result == fail(
        "mask-edge (the service's user) is not in gpio (for the lamps)",
        "`sudo usermod -aG gpio mask-edge`, then `sudo systemctl restart mask-edge`",
    )


def test_groups_that_are_not_needed_or_do_not_exist_are_not_missed(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge")
    demo = load_config(None, {"MASK_EDGE_SOURCE_URI": "demo"})
    assert users.check_groups(context(tmp_path, demo, service=SERVICE)).status is Status.OK
    write(tmp_path, "etc/group", "root:x:0:\n")
    assert users.check_groups(context(tmp_path, lamps(), service=SERVICE)).status is Status.OK


def test_a_group_counts_from_the_next_login_on(tmp_path, monkeypatch):
    add_users(make_pi(tmp_path), "eve", "video")
    monkeypatch.setattr(users, "_own_name", lambda: "eve")
    monkeypatch.setattr(users.os, "geteuid", lambda: 990)
    machine = context(tmp_path, load_config(None, {"MASK_EDGE_SOURCE_URI": "usb:0"}))
    monkeypatch.setattr(users.os, "getgroups", lambda: [990])
    assert users.check_groups(machine) == warn(
        "eve was put into video after logging in", "log out and in again"
    )
    monkeypatch.setattr(users.os, "getgroups", lambda: [990, 44])
    assert users.check_groups(machine) == ok("eve is in video")
    assert "gpio" in users.check_groups(context(tmp_path, lamps())).next


def test_a_service_whose_user_is_gone(tmp_path):
    result = guarded(Check("groups", users.check_groups), context(make_pi(tmp_path), service=SERVICE))
    assert result == fail("the service's user mask-edge does not exist", "install again: `sudo ./setup.sh`")


def test_devices_are_judged_for_the_services_user(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "gpio")
    user = users.find_user(context(tmp_path, service=SERVICE))
    path = tmp_path / "device"
    path.write_text("")
    for mode, may in [(0o600, False), (0o666, True), (0o664, False), (0o606, True)]:
        path.chmod(mode)
        assert user.may_open(path) is may, oct(mode)
    path.chmod(0o660)
    mine = users.User("mask-edge", 990, {"gpio": path.stat().st_gid}, True)
    assert mine.may_open(path)


def test_an_owner_has_the_owners_rights_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(users.os, "geteuid", lambda: 4242)
    path = tmp_path / "device"
    path.write_text("")
    owner = users.User("eve", 991, {}, False)
    monkeypatch.setattr(users.Path, "stat", lambda self: os.stat_result((mode, 0, 0, 1, 991, 5, 0, 0, 0, 0)))
    for mode, may in [(0o600, True), (0o066, False), (0o466, False)]:
        assert owner.may_open(path) is may, oct(mode)


def test_gpio(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "installed", lambda library: True)
    add_users(make_pi(tmp_path), "mask-edge", "gpio")
    assert devices.check_gpio(context(tmp_path)) == ok("no lamp is configured")
    assert devices.check_gpio(context(tmp_path, lamps(MASK_EDGE_GPIO_FACTORY="mock"))).status is Status.OK
    none = devices.check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert none.status is Status.FAIL
    assert "this machine has no pins" in none.detail
    write(tmp_path, "dev/gpiochip0", "")
    (tmp_path / "dev/gpiochip0").chmod(0o600)
    closed = devices.check_gpio(context(tmp_path, lamps(), service=SERVICE))
    assert closed.status is Status.FAIL
    assert "usermod -aG gpio mask-edge" in closed.next
    (tmp_path / "dev/gpiochip0").chmod(0o666)
    assert devices.check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail.startswith(
        "gpiochip0: led GPIO 17"
    )
    monkeypatch.setattr(devices, "installed", lambda library: library != "lgpio")
    assert devices.check_gpio(context(tmp_path, lamps(), service=SERVICE)).detail == "lgpio not installed"


def screen(**options) -> Config:
    return load_config(
        None,
        {
            "MASK_EDGE_SOURCE_URI": "demo",
            **{f"MASK_EDGE_SCREEN_{key.upper()}": str(value) for key, value in options.items()},
        },
    )


@pytest.mark.parametrize(
    ("config", "device", "group", "library"),
    [
        (screen(device="ssd1306"), "i2c-1", "i2c", "luma.oled"),
        (screen(device="st7789", spi_device=1), "spidev0.1", "spi", "luma.lcd"),
    ],
)
def test_screen(tmp_path, monkeypatch, config, device, group, library):
    monkeypatch.setattr(devices, "installed", lambda name: name == library)
    machine = context(add_users(make_pi(tmp_path), "mask-edge"), config, service=SERVICE)
    off = devices.check_screen(machine)
    assert off.status is Status.FAIL
    assert f"do_{group} 0" in off.next
    write(tmp_path, f"dev/{device}", "")
    (tmp_path / "dev" / device).chmod(0o600)
    assert f"usermod -aG {group} mask-edge" in devices.check_screen(machine).next
    assert f"{group} (for the screen)" in users.check_groups(machine).detail
    (tmp_path / "dev" / device).chmod(0o666)
    assert devices.check_screen(machine) == ok(f"{config.screen.device} on /dev/{device}")
    monkeypatch.setattr(devices, "installed", lambda name: False)
    assert devices.check_screen(machine).detail == f"{library} is not installed"


def test_without_a_screen_nothing_is_missing(tmp_path):
    assert devices.check_screen(context(tmp_path)) == ok("no screen is configured")
    assert devices.check_screen(context(tmp_path, screen(device="dummy"))).status is Status.OK


def coral_stick(root):
    for name, text in {
        "idVendor": "1a6e",
        "idProduct": "089a",
        "busnum": "2",
        "devnum": "3",
        "speed": "5000",
    }.items():
        write(root, f"sys/bus/usb/devices/2-1/{name}", text)
    write(root, "dev/bus/usb/002/003", "")


def test_coral(tmp_path):
    tiny = {"MASK_EDGE_SOURCE_URI": "demo", **TINY}
    assert devices.check_coral(context(tmp_path)) == ok("none")
    required = devices.check_coral(
        context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "edgetpu"}))
    )
    assert required.status is Status.WARN
    coral_stick(tmp_path)
    assert (
        "not used"
        in devices.check_coral(
            context(tmp_path, load_config(None, tiny | {"MASK_EDGE_ACCELERATOR_USE": "cpu"}))
        ).detail
    )
    not_compiled = devices.check_coral(context(tmp_path, load_config(None, tiny)))
    assert not_compiled.status is Status.WARN
    assert "blobs_edgetpu.tflite" in not_compiled.detail
    assert "convert.compile" in not_compiled.next


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"in_use": True, "text": "Edge TPU in use (Coral USB stick): 3 ms"}, Status.OK, "in use"),
        ({"in_use": False, "text": "the Edge TPU hangs; unplug it"}, Status.WARN, "hangs"),
        ({"error": "no TFLite runtime"}, Status.WARN, "no TFLite runtime"),
    ],
)
def test_a_coral_that_is_free_is_tried(tmp_path, answer, status, words):
    coral_stick(tmp_path)
    models = tiny_models(tmp_path / "models")
    config = load_config(
        None, {"MASK_EDGE_CLASSIFIER_MODEL": str(models[0]), "MASK_EDGE_DETECTOR_MODEL": str(models[1])}
    )
    asked = []

    def run(command, timeout, text=""):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, f"noise\n{json.dumps(answer)}\n", "")

    result = devices.check_coral(replace(context(tmp_path, config), run=run))
    assert result.status is status
    assert words in result.detail
    assert "coral" in asked[0]
    running = devices.check_coral(
        replace(context(tmp_path, config, service={"ActiveState": "active"}), run=run)
    )
    assert "the service has it" in running.detail
    assert len(asked) == 1


def test_a_coral_that_hangs_the_trial_is_a_warning(tmp_path):
    coral_stick(tmp_path)
    models = tiny_models(tmp_path / "models")
    config = load_config(
        None, {"MASK_EDGE_CLASSIFIER_MODEL": str(models[0]), "MASK_EDGE_DETECTOR_MODEL": str(models[1])}
    )

    def run(command, timeout, text=""):
        raise subprocess.TimeoutExpired(command, timeout)

    assert "no trial within" in devices.check_coral(replace(context(tmp_path, config), run=run)).detail


def test_a_coral_stick_needs_its_group(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video")
    coral_stick(tmp_path)
    assert "plugdev (for the Coral)" in users.check_groups(context(tmp_path, service=SERVICE)).detail


# --- the service


def shown(**changes) -> dict:
    properties = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "UnitFileState": "enabled",
        "NRestarts": "0",
        "Result": "success",
    }
    return properties | {"ExecMainStatus": "0", "StatusText": "IDLE: nobody in view; 14.9 fps"} | changes


@pytest.mark.parametrize(
    ("properties", "status", "words"),
    [
        ({}, Status.OK, "not installed"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, Status.OK, "not installed"),
        (shown(), Status.OK, "IDLE: nobody in view; 14.9 fps"),
        (shown(StatusText="PASS: ...; DEGRADED: the Edge TPU has gone"), Status.WARN, "has gone"),
        (shown(NRestarts="3"), Status.WARN, "started again 3 times"),
        (shown(UnitFileState="disabled"), Status.WARN, "not start at the next boot"),
        (shown(ActiveState="inactive", SubState="dead"), Status.WARN, "installed, but inactive"),
        (
            shown(ActiveState="activating", SubState="auto-restart", NRestarts="4", Result="watchdog"),
            Status.FAIL,
            "again and again (4 times; watchdog",
        ),
        (
            shown(ActiveState="failed", Result="exit-code", ExecMainStatus="78"),
            Status.FAIL,
            "has failed (exit-code, exit status 78)",
        ),
    ],
)
def test_service_states(tmp_path, properties, status, words):
    result = service.check_service(context(tmp_path, service=properties))
    assert result.status is status
    assert words in result.detail
    assert bool(result.next) is (status is not Status.OK)


def test_a_bad_configuration_is_told_from_other_failures(tmp_path):
    def cure(code):
        return service.check_service(
            context(tmp_path, service=shown(ActiveState="failed", ExecMainStatus=code))
        ).next

    assert "config check" in cure("78")
    assert "journalctl" in cure("1")


def test_systemctl_is_read_line_by_line():
    answer = service.read_service(
        lambda words, timeout, text="": completed("LoadState=loaded\nStatusText=PASS: a=b; 9 fps\n\n")
    )
    assert answer == {"LoadState": "loaded", "StatusText": "PASS: a=b; 9 fps"}


@pytest.mark.parametrize("error", [FileNotFoundError("systemctl"), subprocess.TimeoutExpired("systemctl", 4)])
def test_a_machine_without_systemd_has_no_service(error):
    def run(words, timeout, text=""):
        raise error

    assert service.read_service(run) == {}
