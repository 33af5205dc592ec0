"""The doctor's report, and the guard that keeps one check from hanging or crashing the doctor."""

import json
import subprocess
import threading

import pytest

from edge.doctor.check import Check, guarded
from edge.doctor.report import all_checks, run_doctor
from edge.host.findings import Status, fail, ok, warn
from edge.host.machine import run_program
from tests.edge.doctor.builders import context


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
    for check in all_checks():
        assert "this check broke" not in guarded(check, context(tmp_path)).detail, check.name
