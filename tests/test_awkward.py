"""Awkward files through the commands that read them; the answers are in tests/data/awkward/commands.toml."""

import json
import os
import shlex
import tomllib
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from edge.commands.main import main as edge
from edge.host.logs import flush_log
from tests.builders import DATA

FOLDER = DATA / "awkward"
CASES = tomllib.loads((FOLDER / "commands.toml").read_text("utf-8"))["case"]
KEYS = {"name", "command", "exit", "files", "encoding", "copies", "cuts", "says", "never"}
KEYS |= {"opencv", "leaves", "absent", "lines", "first_deny", "pictures_in_out"}
NEVER = ("not foreseen", "Traceback", "pass exc_info")


def real(name: str) -> str:
    """A name in which %XX is a byte."""
    return os.fsdecode(unquote_to_bytes(name))


def lay_out(case: dict, folder: Path) -> None:
    """The case's files, in a folder."""
    contents = {
        name: text.encode(case.get("encoding", "utf-8")) for name, text in case.get("files", {}).items()
    }
    contents |= {name: (FOLDER / source).read_bytes() for name, source in case.get("copies", {}).items()}
    contents |= {
        name: (FOLDER / source).read_bytes()[:size] for name, (source, size) in case.get("cuts", {}).items()
    }
    for name, data in contents.items():
        path = folder / real(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def run(command: str) -> int:
    """Run one of our commands in this process. Returns its exit code."""
    program, *words = shlex.split(command)
    words = [real(word) for word in words]
    if program == "edge":
        code = edge(words)
        flush_log()
        return code
    from training import prepare
    from training.commands import run_command

    with pytest.raises(SystemExit) as ended:
        run_command(prepare.build_parser(), prepare.main, words)
    return ended.value.code


def opencv_version() -> tuple[int, ...]:
    import cv2

    return tuple(int(part) for part in cv2.__version__.split(".")[:2])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_right_answer(case, tmp_path, monkeypatch, capfd):
    pytest.importorskip("tqdm" if case["command"].startswith("training") else "cv2")
    if "opencv" in case and opencv_version() < tuple(case["opencv"]):
        pytest.skip("an older OpenCV: it decodes this video")
    monkeypatch.chdir(tmp_path)
    assert set(case) <= KEYS
    lay_out(case, tmp_path)
    code = run(case["command"])
    out, err = capfd.readouterr()
    said = out + err
    assert code == case["exit"], said
    assert not [words for words in case.get("says", ()) if words not in said], said
    assert not [words for words in (*NEVER, *case.get("never", ())) if words in said], said
    assert not [name for name in case.get("leaves", ()) if not Path(name).exists()]
    assert not [name for name in case.get("absent", ()) if Path(name).exists()]
    look_at_lines(case)
    if "pictures_in_out" in case:
        pictures = [path for path in Path("out").rglob("*") if path.is_file()]
        assert len(pictures) == case["pictures_in_out"], pictures


def look_at_lines(case: dict) -> None:
    if not {"lines", "first_deny"} & set(case):
        return
    entries = [json.loads(line) for line in Path("a.jsonl").read_text("utf-8").splitlines()]
    assert len(entries) == case.get("lines", len(entries))
    if "first_deny" in case:
        early, late = case["first_deny"]
        at = next(entry["at"] for entry in entries if entry["decision"]["state"] == "deny")
        assert early <= at <= late
