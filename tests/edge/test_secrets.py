"""No way out of the program shows a camera's password, whatever its address looks like."""

import contextlib
import json
import logging
import socket
import threading
from dataclasses import fields
from subprocess import TimeoutExpired

import pytest

from edge.address import Address
from edge.commands.main import main
from edge.config.option import Option
from edge.config.reading import as_toml, load_config
from edge.config.tables import SourceConfig
from edge.config.values import checked
from edge.doctor import camera, probe, software
from edge.doctor.report import make_context
from edge.door import open_door
from edge.errors import ConfigError, MaskEdgeError, SourceError, one_line
from edge.host.logs import flush_log, set_up_logging
from edge.host.sdnotify import Notifier, Supervision
from edge.host.service_state import StateFile
from edge.redact import redacted, redacted_text
from edge.sources.opening import open_source
from tests.builders import DATA

HOST = "127.0.0.1:9"

ADDRESSES = [
    (f"rtsp://admin:s3cret@{HOST}/x", ["s3cret"]),
    (f"rtsp://admin:s3c@ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c#ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c/ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c?ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c:ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c[ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c]ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:[s3cret]@{HOST}/x", ["s3cret"]),
    (f"rtsp://admin:98765/43210@{HOST}/x", ["98765", "43210"]),
    (f"rtsp://admin:s3c%40ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c ret@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://admin:s3c&ret=1@{HOST}/x", ["s3c", "ret"]),
    (f"rtsp://s3cret@{HOST}/x", ["s3cret"]),
    (f"rtsp://:s3cret@{HOST}", ["s3cret"]),
    (f"RTSP://admin:s3cret@{HOST}/x", ["s3cret"]),
    (f"  rtsp://admin:s3cret@{HOST}/x ", ["s3cret"]),
    (f"rstp://admin:s3cret@{HOST}/x", ["s3cret"]),
    (f"rtsp:/admin:s3cret@{HOST}/x", ["s3cret"]),
    (f"rtsp:admin:s3cret@{HOST}/x", ["s3cret"]),
    (f"admin:s3cret@{HOST}/x", ["s3cret"]),
    ("rtsp://admin:s3cret#127.0.0.1/x", ["s3cret"]),
    ("rtsp://admin:s3cret", ["s3cret"]),
    ("rtsp://admin:s3cret@127.0.0.1:99999/x", ["s3cret"]),
    ("rtsp://admin:s3cret@/x", ["s3cret"]),
    (f"rtsp://admin:s3cret@{'a' * 70}.local:9/x", ["s3cret"]),
    (f"rtsp://{HOST}/user=admin&password=s3cret&channel=1", ["s3cret"]),
    (f"rtsp://{HOST}/user=admin_password=s3cret_channel=1_stream=0.sdp", ["s3cret"]),
    (f"http://{HOST}/video?channel=1&Passwd=s3c#r&et=9", ["s3c", "r&et"]),
    (f"http://{HOST}/video?u=admin&p=s3cret", ["s3cret"]),
    (f"http://{HOST}/video?token=s3c/ret", ["s3c", "ret"]),
    (f"http://{HOST}/video?auth=c2VjcmV0%3D&channel=1", ["c2VjcmV0"]),
    (f"http://{HOST}/11/admin:s3cret", ["s3cret"]),
    (f"https://{HOST}/video?PWD%3Ds3cret", ["s3cret"]),
    (f"rtsps://{HOST}/s3cretKey0123456789?enableSrtp", ["s3cret"]),
    (f"http://admin:s3cret@{HOST}/video", ["s3cret"]),
    (f"https://admin:s3cret@{HOST}/video", ["s3cret"]),
    (f"rtmp://admin:s3cret@{HOST}/live", ["s3cret"]),
]


@pytest.fixture
def logged(capsys):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    yield capsys
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


def seen_when_it_runs(path, folder, debug):
    """All that a door with this source gives away: JSON lines, status, state file, errors."""
    (folder / "notify").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(0.01)
        set_up_logging("debug" if debug else "info", "text", {})
        said = []
        try:
            door = open_door(load_config(path, {}), lambda: None)
        except MaskEdgeError as error:
            said.append(str(error))
        else:
            stop = threading.Event()
            timer = threading.Timer(0.4, stop.set)
            timer.start()
            supervision = Supervision(Notifier({"NOTIFY_SOCKET": str(folder / "notify")}), StateFile(folder))
            door.run(0.1, stop, supervision)
            assert [thread.name for thread in threading.enumerate() if "s3c" in thread.name] == []
            said.append((folder / "lines.jsonl").read_text())
            assert "uncertain" in said[-1]
            said.append((folder / "state.json").read_text())
        with contextlib.suppress(TimeoutError):
            while True:
                said.append(systemd.recv(4096).decode())
        flush_log()
    return "\n".join(said)


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(("uri", "secrets"), ADDRESSES)
def test_no_way_out_shows_it(tmp_path, monkeypatch, logged, uri, secrets, wait):
    pytest.importorskip("cv2")
    monkeypatch.setenv("MASK_EDGE_DETECTOR_MODEL", str(DATA / "blobs.tflite"))
    path = tmp_path / "config.toml"
    path.write_text(
        f"[source]\nuri = {json.dumps(uri)}\nwait = {json.dumps(wait)}\n"
        f"[detector]\nmodel = '{DATA / 'blobs.tflite'}'\n"
        f"[classifier]\nmodel = '{DATA / 'brightness.tflite'}'\n"
        f"[jsonl]\npath = '{tmp_path / 'lines.jsonl'}'\n[accelerator]\nuse = 'cpu'\n"
    )
    said = [seen_when_it_runs(path, tmp_path, debug=wait)]
    for words in (["check"], ["show"], ["show", "--json"]):
        main(["config", *words, "--config", str(path)])
    context = make_context(path, {})

    def hangs(words, timeout, text=""):
        assert "s3c" not in " ".join(words)
        raise TimeoutExpired(words, timeout)

    said += [str(software.check_config(context)), repr(context.config)]
    object.__setattr__(context.machine, "run", hangs)
    said.append(str(camera.check_camera(context)))
    for service in ({"ActiveState": "active"}, {}):
        object.__setattr__(context.machine, "service", service)
        said.append(str(camera.check_camera(context)))
    monkeypatch.setattr(probe, "FIRST_FRAME_S", 0.05)
    probe.look("camera", json.dumps({"source": {"uri": uri}}))
    out, err = logged.readouterr()
    everything = "\n".join([*said, out, err])
    shown = everything.replace(str(tmp_path), "").replace("interpreter", "")
    assert [secret for secret in secrets if secret in shown] == []
    assert "not foreseen" not in shown


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("usb:0", "usb:0"),
        ("usb:/dev/v4l/by-id/usb-046d_C920_0123456789ABCDEF-index0",) * 2,
        ("/dev/video0", "/dev/video0"),
        ("picamera:1", "picamera:1"),
        ("clips/12:30.mp4", "clips/12:30.mp4"),
        ("me@home.mp4", "me@home.mp4"),
        ("rtsp://cam/live?channel=1&subtype=0", "rtsp://cam/live?channel=1&subtype=0"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
    ],
)
def test_what_is_no_secret_is_shown(uri, shown):
    assert str(Address(uri)) == redacted(uri) == shown


@pytest.mark.parametrize(
    "uri", ["rstp://h/x", "rtsp://a:b/c@h/x", "rtsp://a:b#c@h", "rtsp://", "rtsp://h:0/"]
)
def test_what_can_never_be_opened_is_a_mistake_in_the_configuration(tmp_path, uri):
    """Also with `wait`: to wait would not mend it. systemd does not start again on 78."""
    path = tmp_path / "config.toml"
    path.write_text(f'[source]\nuri = "{uri}"\nwait = true\n')
    with pytest.raises(ConfigError, match=r"source\.uri: ") as caught:
        load_config(path, {})
    assert caught.value.exit_code == 78
    with pytest.raises(ConfigError):
        open_source(SourceConfig(uri, wait=True))


def test_config_check_says_what_to_percent_encode(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text('[source]\nuri = "rtsp://a:b@c@h/x"\n')
    assert main(["config", "check", "--config", str(path)]) == 0
    assert "write @ # / ? : [ ] in a password as %40 %23 %2F %3F %3A %5B %5D" in capsys.readouterr().out
    path.write_text('[source]\nuri = "rtsp://a:b%40c@h/x"\n')
    main(["config", "check", "--config", str(path)])
    assert "%40" not in capsys.readouterr().out


def test_what_is_encoded_goes_to_the_library_as_it_is():
    address = Address(" RTSP://a:b%40c@h:5/X?y=1 ")
    assert address.reveal() == "rtsp://a:b%40c@h:5/X?y=1"
    assert (address.is_stream, address.place, address.hint) == (True, ("h", 5), "")


def test_show_tells_it_to_whom_asks(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text('[source]\nuri = "rtsp://a:s3cret@h/x"\n')
    main(["config", "show", "--secrets", "--config", str(path)])
    assert 'uri = "rtsp://a:s3cret@h/x"' in capsys.readouterr().out
    config = load_config(path, {})
    assert load_config(None, {}, {"source": {"uri": config.source.uri.reveal()}}) == config
    assert "s3cret" not in as_toml(config)


@pytest.mark.parametrize(
    "text",
    [
        '[source]\nuri = ["rtsp://a:s3cret@h/x"]\n',
        '[source]\nuri = {a = "rtsp://a:s3cret@h/x"}\n',
        '[source]\n"rtsp://a:s3cret@h/x" = 1\n',
        '["rtsp://a:s3cret@h/x"]\n',
        '[source]\nfps = "rtsp://a:s3cret@h/x"\n',
        '[log]\nlevel = "rtsp://a:s3cret@h/x"\n',
        "[source]\nuri = rtsp://a:s3cret@h/x\n",
        '[source]\nuri = "rtsp://a:s3cret@h/x\n',
        'uri = "rtsp://a:s3cret@h/x"\n',
        '[source]\nuri = "rtsp://a:s3cret@h/x\\u0007"\n',
    ],
)
def test_a_mistake_in_the_file_does_not_tell_it(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert "s3cret" not in str(caught.value)


def test_an_option_that_is_secret_is_never_shown():
    with pytest.raises(ConfigError) as caught:
        checked(12345, str, Option("", secret=True), "web.password")
    assert "12345" not in str(caught.value)
    assert "uri" in {item.name for item in fields(SourceConfig)}


def test_errors_of_others_that_quote_an_address_are_covered_too():
    text = "could not open 'rtsp://a:s3c@ret@h/x', giving up on http://b:s3cret@h."
    for shown in (str(SourceError(text)), one_line(RuntimeError(text)), redacted_text(text)):
        assert "s3c" not in shown
        assert "giving up" in shown
