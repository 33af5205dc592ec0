"""The doctor: every check on fake trees, and the guard that keeps it from hanging or crashing."""

import json
import subprocess
import threading

import pytest

from edge.config import Config, load_config
from edge.doctor import software, system
from edge.doctor.check import Check, Context, Status, fail, guarded, ok, warn
from edge.doctor.command import CHECKS, make_context, run_doctor
from edge.inference.card import sha256_of

from .boardtree import hwmon, make_pi, write
from .conftest import DATA

TINY = {"MASK_EDGE_DETECTOR_MODEL": str(DATA / "blobs.tflite"), "MASK_EDGE_CLASSIFIER_MODEL": str(DATA / "brightness.tflite")}


def completed(out: str = "", code: int = 0) -> subprocess.CompletedProcess:
    return subprocess.CompletedProcess([], code, out, "")


def context(root, config=None, out="", code=0, programs=(), **options) -> Context:
    """A machine whose commands all answer the same."""
    return Context(
        config or Config(),
        root=root,
        machine="aarch64",
        run=lambda words, timeout: completed(out, code),
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
    result = guarded(Check("x", lambda _: ok(str(never.wait())), deadline_s=0.05), context(tmp_path))
    never.set()
    assert result.status is Status.FAIL
    assert "no answer within" in result.detail


@pytest.mark.parametrize(("results", "code"), [([ok("a")], 0), ([ok("a"), warn("b", "c")], 0), ([warn("b", "c"), fail("d", "e"), ok("a")], 1)])
def test_only_a_failure_exits_with_1(tmp_path, results, code):
    checks = [Check(f"check{index}", lambda _, result=result: result) for index, result in enumerate(results)]
    lines = []
    assert run_doctor(context(tmp_path), False, False, lines.append, checks) == code
    assert len(lines) == len(results) + 1
    assert lines[-1].startswith(f"{len(results)} checks: ")


def test_the_report_says_what_to_do_in_a_line_of_its_own(tmp_path):
    lines = []
    run_doctor(context(tmp_path), False, False, lines.append, [Check("lamp", lambda _: fail("dark", "change it"))])
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
    run_doctor(context(tmp_path), True, False, lines.append, [Check("a", lambda _: ok("")), Check("b", lambda _: ok(""), quick=False)])
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


@pytest.mark.parametrize(("free", "status"), [(20_000, Status.OK), (500, Status.OK), (499, Status.WARN), (50, Status.WARN), (49, Status.FAIL)])
def test_disk(free, status):
    assert system.judge_disk(free, 30_000).status is status


def test_little_memory_is_a_warning(tmp_path):
    assert system.check_memory(context(make_pi(tmp_path, available_mb=180))).status is Status.WARN


@pytest.mark.parametrize(
    ("celsius", "status", "words"), [(79.9, Status.OK, ""), (80.0, Status.WARN, ": too hot"), (86.0, Status.WARN, "far too hot")]
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
    result = system.check_power(context(make_pi(tmp_path, **options), out=f"throttled={past}\n", programs=("vcgencmd",)))
    assert result.status is Status.WARN
    assert words in result.detail


def test_a_vcgencmd_that_may_not_or_hangs_is_no_trouble(tmp_path):
    def hang(words, timeout):
        raise subprocess.TimeoutExpired(words, timeout)

    machine = Context(Config(), root=make_pi(tmp_path), run=hang, has=lambda name: True)
    assert system.check_power(machine).status is Status.OK
    assert system.check_power(context(tmp_path, out="VCHI initialization failed\n", code=255, programs=("vcgencmd",))).status is Status.OK


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


def test_the_runtime_runs_both_models_in_a_real_child():
    result = software.check_runtime(make_context(None, TINY))
    assert result.status is Status.OK, result
    assert "numpy" in result.detail
    assert "classifier" in result.detail


def test_what_is_wrong_in_the_child_comes_back_as_one_line():
    result = software.check_runtime(make_context(None, {"MASK_EDGE_DETECTOR_MODEL": "/nowhere.tflite"}))
    assert result.status is Status.FAIL
    assert result.detail.startswith("/nowhere.tflite: no such model")


@pytest.mark.parametrize(
    ("out", "code", "words"), [("", -4, "crashes here (SIGILL)"), ("", -11, "SIGSEGV"), ("talk\n", 1, "but: talk"), ("[1]", 0, "no answer")]
)
def test_a_child_that_dies_or_talks_nonsense_is_a_finding(tmp_path, out, code, words):
    result = software.check_runtime(context(tmp_path, out=out, code=code))
    assert result.status is Status.FAIL
    assert words in result.detail


def test_the_last_line_is_the_answer():
    assert software.last_json('INFO: Created delegate\n{"models": {}}\n') == {"models": {}}
