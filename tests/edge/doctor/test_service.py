"""What the doctor says of the systemd service."""

import subprocess

import pytest

from edge.doctor import service
from edge.host.findings import Status
from edge.host.service_state import FILE, ServiceState, StateFile
from edge.types import Cause, State
from tests.edge.doctor.builders import completed, context


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


def test_a_degraded_service_says_so_itself(tmp_path):
    folder = (tmp_path / FILE).parent
    folder.mkdir(parents=True)
    StateFile(folder).write(ServiceState(State.PASS, Cause.ALL_MASKED, "fine", 9.8, "the Edge TPU has gone"))
    result = service.check_service(context(tmp_path, service=shown()))
    assert (result.status, result.detail) == (
        Status.WARN,
        "PASS: fine; 9.8 fps; DEGRADED: the Edge TPU has gone",
    )


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
