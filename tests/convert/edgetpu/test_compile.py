"""`convert.compile` against a stand-in for the compiler that replays logs.

data/edgetpu_logs/README.md says where the logs are from.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convert.compile import build_parser, main
from convert.edgetpu.log import (
    FAILURES,
    CompileError,
    LogRow,
    find_failure,
    find_version,
    parse_bytes,
    parse_models,
    parse_rows,
)
from edge.errors import MissingLibraryError, ModelError, UsageError
from edge.inference.card import load_card, sha256_of
from tests.builders import DATA, ROOT

LOGS = DATA / "edgetpu_logs"
STAND_IN = """#!{python}
import json, os, pathlib, signal, subprocess, sys, time
plan = json.loads({plan!r})
words = sys.argv[1:]
out = pathlib.Path(words[words.index("-o") + 1])
with open(plan["calls"], "a") as calls:
    calls.write(json.dumps(words) + "\\n")
print(plan["log"], flush=True)
for model in (pathlib.Path(word) for word in words if word.endswith(".tflite")):
    if plan["writes"]:
        (out / (model.stem + "_edgetpu.tflite")).write_bytes(model.read_bytes() + b"compiled")
    if model.stem in plan["operation_logs"]:
        (out / (model.stem + "_edgetpu.log")).write_text(plan["operation_logs"][model.stem])
if plan["hangs"]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    pathlib.Path(plan["hangs"]).write_text(str(child.pid))
    child.wait()
if plan["signal"]:
    os.kill(os.getpid(), plan["signal"])
sys.exit(plan["code"])
"""


def log_of(name: str) -> str:
    return (LOGS / f"{name}.txt").read_text()


class Compiler:
    """Puts a stand-in on PATH, and knows how it was called."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "edgetpu_compiler"
        self.calls_file = folder / "calls.jsonl"

    def replays(self, log: str, **plan) -> None:
        plan = {
            "log": log,
            "writes": True,
            "operation_logs": {},
            "hangs": "",
            "signal": 0,
            "code": 0,
            "calls": str(self.calls_file),
        } | plan
        self.path.write_text(STAND_IN.format(python=sys.executable, plan=json.dumps(plan)))
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        return (
            [json.loads(line) for line in self.calls_file.read_text().splitlines()]
            if self.calls_file.is_file()
            else []
        )


@pytest.fixture
def compiler(tmp_path, monkeypatch) -> Compiler:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Compiler(folder)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def run(out: Path, *words) -> int:
    return main(build_parser().parse_args([*map(str, words), "--out", str(out)]))


# --- a model that maps wholly


def test_a_mapped_model_gets_file_card_and_table(compiler, model_copy, out, capsys):
    compiler.replays(log_of("mapped"))
    source = model_copy("brightness")
    assert run(out, source) == 0
    text = capsys.readouterr().out
    assert "SOFTMAX              1  Edge TPU" in text
    assert "2.2 KiB" in text
    assert {path.name for path in out.iterdir()} == {"brightness_edgetpu.tflite", "brightness_edgetpu.json"}
    (call,) = compiler.calls
    assert call[0] == "-s"
    assert call[-1] == str(source)


def test_the_card_is_the_sources_with_what_is_new(compiler, model_copy, out):
    compiler.replays(log_of("mapped"))
    source = model_copy("brightness")
    run(out, source)
    made = out / "brightness_edgetpu.tflite"
    card, before = (json.loads(path.with_suffix(".json").read_text()) for path in (made, source))
    changed = {key for key in card if card[key] != before.get(key)}
    assert changed >= {"name", "sha256", "bytes", "compiled_for", "edgetpu"}
    assert changed <= {"name", "sha256", "card_sha256", "bytes", "created", "compiled_for", "edgetpu"}
    assert set(before) <= set(card)
    assert card["compiled_for"] == "edgetpu"
    facts = card["edgetpu"]
    assert facts["compiler"] == "16.0.384591198"
    assert facts["source_sha256"] == sha256_of(source)
    assert facts["on_chip_bytes"] == 2304
    assert facts["off_chip_bytes"] == 0
    assert facts["operations"][0] == {"op": "SOFTMAX", "count": 1, "status": "Mapped to Edge TPU"}
    assert load_card(made).name == "brightness_edgetpu"  # the runtime takes it


def test_json(compiler, model_copy, out, capsys):
    compiler.replays(log_of("mapped"))
    assert run(out, model_copy("brightness"), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["models"][0]["rows"][2] == {"op": "MEAN", "count": 1, "status": "Mapped to Edge TPU"}
    assert report["models"][0]["remaining"] == round(7.88 * 2**20)


# --- a model that does not


def test_what_should_map_and_does_not_fails_and_keeps_nothing(compiler, model_copy, out, capsys):
    compiler.replays(log_of("partly"))
    assert run(out, model_copy("brightness")) == 1
    text, err = capsys.readouterr()
    assert (
        "SHOULD HAVE MAPPED: FULLY_CONNECTED: 0 of 1 mapped "
        "(Operation is otherwise supported, but not mapped due to some" in text
    )
    assert "SHOULD HAVE MAPPED: SOFTMAX: 0 of 1 mapped (More than one subgraph is not supported)" in text
    assert "MEAN:" not in text
    assert "--allow-cpu" in err
    assert list(out.iterdir()) == []


def test_allow_cpu_keeps_it(compiler, model_copy, out):
    compiler.replays(log_of("partly"))
    assert run(out, model_copy("brightness"), "--allow-cpu") == 0
    card = json.loads((out / "brightness_edgetpu.json").read_text())
    assert [row["status"] == "Mapped to Edge TPU" for row in card["edgetpu"]["operations"]] == [
        False,
        False,
        True,
    ]


def test_what_is_not_expected_to_map_may_stay_on_the_cpu(compiler, model_copy, out, capsys):
    """A float model: the preflight warns, and blames nothing on the compiler that it foresaw."""
    compiler.replays(log_of("partly").replace("brightness", "float"))
    assert run(out, model_copy("float")) == 0
    assert "will probably refuse it: nothing in it is quantised" in capsys.readouterr().err


# --- several models


def test_without_co_compile_each_model_has_a_call_of_its_own(compiler, model_copy, out):
    both = log_of("co_compiled")
    compiler.replays(
        both, operation_logs={name: log_of(f"co_compiled_{name}") for name in ("blobs", "brightness")}
    )
    assert run(out, model_copy("blobs"), model_copy("brightness")) == 0
    assert [len([word for word in call if word.endswith(".tflite")]) for call in compiler.calls] == [1, 1]


def test_co_compile_is_one_call_and_shares_the_chip(compiler, model_copy, out, capsys):
    compiler.replays(
        log_of("co_compiled"),
        operation_logs={name: log_of(f"co_compiled_{name}") for name in ("blobs", "brightness")},
    )
    assert run(out, model_copy("blobs"), model_copy("brightness"), "--co-compile") == 0
    (call,) = compiler.calls
    assert [Path(word).stem for word in call[-2:]] == ["blobs", "brightness"]
    text = capsys.readouterr().out
    assert "blobs.tflite       5,376.0 KiB    65.6%                   0.0 KiB" in text
    assert "brightness.tflite  2,048.0 KiB    25.0%               3,532.8 KiB" in text
    assert "together           7,424.0 KiB    90.6%" in text
    card = json.loads((out / "blobs_edgetpu.json").read_text())
    assert card["edgetpu"]["compiled_together_with"] == ["brightness.tflite"]
    assert {row["op"] for row in card["edgetpu"]["operations"]} == {"AVERAGE_POOL_2D", "CONV_2D"}


def test_co_compile_needs_two_models(compiler, model_copy, out):
    with pytest.raises(UsageError, match="two or more"):
        run(out, model_copy("brightness"), "--co-compile")


def test_two_models_of_one_name_would_overwrite_each_other(compiler, model_copy, tmp_path, out):
    with pytest.raises(UsageError, match="two models are named brightness"):
        run(out, model_copy("brightness"), tmp_path / "elsewhere" / "brightness.tflite")


# --- failures, told apart


FAILED_LOGS = {
    "not_quantised": "not_quantised",
    "large_activations": "large_activations",
    "own_timeout": "timeout",
    "dynamic": "dynamic",
    "op_version": "op_version",
    "internal_error": "internal",
    "exception": "exception",
    "crash": "crash",
    "unparsable": "invalid",
    "failed": "failed",
    "no_version": "no_version",
}


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(("log", "kind"), FAILED_LOGS.items())
def test_each_failure_is_told_from_the_others_whatever_the_exit_code(
    compiler, model_copy, out, log, kind, code
):
    """A file that is there does not make a failure a success. Nothing documents the exit codes."""
    compiler.replays(log_of(log), code=code)
    with pytest.raises(CompileError) as caught:
        run(out, model_copy("brightness"))
    expected = "failed" if (log, code) == ("no_version", 1) else kind
    assert caught.value.kind == expected
    assert str(caught.value).startswith("brightness.tflite: ")
    assert "\n" not in str(caught.value)
    assert list(out.iterdir()) == []


def test_every_failure_has_its_log():
    kinds = {
        find_failure(path.read_text())[0] for path in LOGS.glob("*.txt") if find_failure(path.read_text())
    }
    assert kinds | {"interpreter"} == {failure.kind for failure in FAILURES}
    assert not any(find_failure(log_of(name)) for name in ("mapped", "partly", "co_compiled"))


def test_the_refused_version_is_named(compiler, model_copy, out):
    compiler.replays(log_of("op_version"), code=1)
    with pytest.raises(CompileError, match="version 3 of QUANTIZE is newer"):
        run(out, model_copy("brightness"))


def test_a_compiler_that_dies_of_a_signal(compiler, model_copy, out):
    compiler.replays("", signal=11, writes=False)
    with pytest.raises(CompileError, match="killed by SIGSEGV") as caught:
        run(out, model_copy("brightness"))
    assert caught.value.kind == "crash"


def test_a_good_log_without_a_file(compiler, model_copy, out):
    out.mkdir()
    (out / "brightness_edgetpu.tflite").write_bytes(b"of an earlier run")
    compiler.replays(log_of("mapped"), writes=False)
    with pytest.raises(CompileError, match=r"wrote no brightness_edgetpu\.tflite") as caught:
        run(out, model_copy("brightness"))
    assert caught.value.kind == "no_output"
    assert (out / "brightness_edgetpu.tflite").read_bytes() == b"of an earlier run"


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log.splitlines()[0],
        lambda log: log.partition("Operator ")[0],
        lambda log: log.replace("brightness", "other"),
        lambda log: log.replace("2.25KiB", "some"),
    ],
)
def test_a_log_that_cannot_be_read(compiler, model_copy, out, change):
    compiler.replays(change(log_of("mapped")))
    with pytest.raises(CompileError) as caught:
        run(out, model_copy("brightness"))
    assert caught.value.kind == "unreadable"


@pytest.mark.slow
def test_a_compiler_that_hangs_is_killed_with_its_children(compiler, model_copy, out, tmp_path):
    compiler.replays("Edge TPU Compiler version 16.0.384591198", hangs=str(tmp_path / "child"))
    start = time.monotonic()
    with pytest.raises(CompileError, match="did not end within 3 s") as caught:
        run(out, model_copy("brightness"), "--timeout", "3")
    assert caught.value.kind == "timeout"
    assert time.monotonic() - start < 30
    child = Path("/proc") / (tmp_path / "child").read_text() / "stat"
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


# --- before the compiler is called


def test_without_the_compiler_one_line_says_how_to_get_it(tmp_path, model_copy, out, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(
        MissingLibraryError,
        match=r"x86-64 Linux only \(this machine is aarch64\).*coral.ai/docs/edgetpu/compiler",
    ) as caught:
        run(out, model_copy("brightness"))
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_program_of_another_machine(compiler, model_copy, out):
    compiler.path.write_bytes(b"\x7fELF not for here")
    compiler.path.chmod(0o755)
    with pytest.raises(CompileError, match="cannot be started") as caught:
        run(out, model_copy("brightness"))
    assert caught.value.kind == "not_started"


@pytest.mark.parametrize(
    ("copy", "message"), [({"card": False}, "its card"), ({"content": b"JUNKJUNKJUNK"}, "not a TFLite file")]
)
def test_an_unusable_model_never_reaches_the_compiler(compiler, model_copy, out, copy, message):
    compiler.replays(log_of("mapped"))
    with pytest.raises(ModelError, match=message):
        run(out, model_copy("brightness", **copy))
    assert compiler.calls == []


def test_from_the_command_line_an_error_is_one_line(model_copy, tmp_path):
    command = [
        sys.executable,
        "-m",
        "convert.compile",
        str(model_copy("brightness")),
        "--out",
        str(tmp_path / "out"),
    ]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path)},
        timeout=60,
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("python -m convert.compile: edgetpu_compiler is not on PATH")


# --- the log itself


@pytest.mark.parametrize(
    ("text", "size"), [("0.00B", 0), ("511.50KiB", 523776), ("5.90MiB", 6186598), ("1.5GiB", 1610612736)]
)
def test_sizes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "5.90", "MiB", "5 MB", "5.90 TiB"])
def test_bad_sizes(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)


def test_rows_of_one_kind_may_have_several_fates():
    rows = parse_rows(
        "Operator  Count  Status\n\nCONV_2D  11  Mapped to Edge TPU\n"
        "CONV_2D  2  More than one subgraph is not supported\nSuccess 3 x\n"
    )
    assert rows == (
        LogRow("CONV_2D", 11, "Mapped to Edge TPU"),
        LogRow("CONV_2D", 2, "More than one subgraph is not supported"),
    )


def test_models_and_version_of_a_log():
    log = log_of("co_compiled")
    assert find_version(log) == "16.0.384591198"
    assert [(model.name, model.on_chip, model.operations) for model in parse_models(log)] == [
        ("blobs.tflite", 5505024, 3),
        ("brightness.tflite", 2097152, 3),
    ]
    assert parse_models(log_of("failed")) == []
