"""What the service writes for the doctor comes back as it was, or not at all."""

import json
import os
import stat

import pytest

from edge.host.service_state import FILE, ServiceState, StateFile, read_state, service_state
from edge.types import Cause, State
from tests.edge.sinks.builders import make_result

STATE = ServiceState(State.UNCERTAIN, Cause.CAMERA_LOST, "usb:0: gone; plug it in", 9.8, "no Edge TPU")


@pytest.fixture
def folder(tmp_path):
    """Where systemd would make /run/mask-edge."""
    made = (tmp_path / FILE).parent
    made.mkdir(parents=True)
    return made


@pytest.mark.parametrize("state", [STATE, ServiceState(State.IDLE, Cause.NOBODY, "nobody in view")])
def test_what_is_written_is_read_again(tmp_path, folder, state):
    StateFile(folder).write(state)
    assert read_state(tmp_path) == state
    assert isinstance(read_state(tmp_path).cause, Cause)


def test_the_latest_state_replaces_the_one_before_and_leaves_no_part(tmp_path, folder):
    for state in (STATE, ServiceState(State.PASS, Cause.ALL_MASKED, "fine")):
        StateFile(folder).write(state)
    assert read_state(tmp_path).state is State.PASS
    assert [path.name for path in folder.iterdir()] == [FILE.name]


def test_a_reader_never_sees_a_part(tmp_path, folder, monkeypatch):
    """The file is complete before it gets its name: what is being written is beside it."""
    StateFile(folder).write(STATE)
    seen = []

    def replaced(self, target):
        seen.append((read_state(tmp_path), json.loads(self.read_text())["cause"]))

    monkeypatch.setattr("pathlib.PosixPath.replace", replaced)
    monkeypatch.setattr("pathlib.Path.replace", replaced)
    StateFile(folder).write(ServiceState(State.PASS, Cause.ALL_MASKED, "fine"))
    assert seen == [(STATE, "all_masked")]


def test_every_user_may_read_it_whatever_the_units_umask(folder):
    """`mask-edge doctor` without sudo reads it too; the unit has UMask=0077."""
    before = os.umask(0o077)
    try:
        StateFile(folder).write(STATE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / FILE.name).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"state": "idle", "cau',
        "[]",
        "null",
        "{}",
        '{"state": "idle", "reason": "x"}',
        '{"state": "idle", "cause": "eclipse", "reason": "x"}',
        '{"state": "asleep", "cause": "nobody", "reason": "x"}',
        '{"state": "idle", "cause": "nobody"}',
        '{"state": "idle", "cause": "nobody", "reason": "x", "from": "a later version"}',
        '{"state": "idle", "cause": "nobody", "reason": "x", "fps": "fast", "degraded": null}',
        '{"state": "idle", "cause": "nobody", "reason": "x", "fps": [], "degraded": null}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_torn_or_of_another_version_is_none(tmp_path, folder, text):
    (tmp_path / FILE).write_text(text)
    assert read_state(tmp_path) is None


def test_bytes_that_are_no_text_are_none(tmp_path, folder):
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    assert read_state(tmp_path) is None


def test_without_a_file_there_is_no_state(tmp_path):
    assert read_state(tmp_path) is None


def test_a_folder_that_is_gone_stops_nobody(tmp_path):
    StateFile(tmp_path / "gone").write(STATE)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("environment", [{}, {"RUNTIME_DIRECTORY": ""}, {"RUNTIME_DIRECTORY": "relative"}])
def test_away_from_the_service_nothing_is_written(environment):
    assert StateFile.of_service(environment) is None


def test_the_service_writes_where_systemd_says(tmp_path, folder):
    file = StateFile.of_service({"RUNTIME_DIRECTORY": str(folder)})
    assert file is not None
    file.write(STATE)
    assert read_state(tmp_path) == STATE


def test_a_result_becomes_a_state():
    result = make_result(State.DENY)
    assert service_state(result, 12.5) == ServiceState(State.DENY, Cause.LOOKING, "because", 12.5, None)


@pytest.mark.parametrize(
    ("state", "cause", "good"),
    [
        (State.PASS, Cause.ALL_MASKED, True),
        (State.IDLE, Cause.NOBODY, True),
        (State.UNCERTAIN, Cause.LOOKING, True),
        (State.UNCERTAIN, Cause.NO_FRAME, False),
        (State.UNCERTAIN, Cause.PICTURE_FROZEN, False),
        (State.UNCERTAIN, Cause.NO_RESULT, False),
    ],
)
def test_only_an_uncertain_that_is_not_about_a_face_is_a_fault(state, cause, good):
    assert ServiceState(state, cause, "").good_frames is good


def test_the_line_for_systemctl_status():
    assert STATE.line() == "UNCERTAIN: usb:0: gone; plug it in; 9.8 fps; DEGRADED: no Edge TPU"
    assert ServiceState(State.IDLE, Cause.NOBODY, "nobody in view").line() == "IDLE: nobody in view"
