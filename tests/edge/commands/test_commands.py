"""The command line as a user meets it, in a process of its own where that matters."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge.commands.main import build_parser, main
from edge.pictures.files import read_picture, write_picture
from edge.sources.demo import DemoSource
from edge.sources.live import LiveFeed
from tests.builders import DATA, ROOT

TINY = {
    "MASK_EDGE_DETECTOR_MODEL": str(DATA / "blobs.tflite"),
    "MASK_EDGE_CLASSIFIER_MODEL": str(DATA / "brightness.tflite"),
}


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch):
    for name, value in TINY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    bright = np.zeros((480, 640, 3), np.uint8)
    bright[160:320, 160:320] = 255
    write_picture(folder / "face.png", bright)
    write_picture(folder / "nobody.png", np.zeros((100, 150, 3), np.uint8))
    return folder


def run(*words: str, **options) -> subprocess.CompletedProcess:
    environment = {**os.environ, **options.pop("environment", {})}
    return subprocess.run(
        [sys.executable, "-m", "edge", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=60,
        **options,
    )


# --- edge image


def test_image_json_has_the_promised_shape(pictures, capsys):
    assert main(["image", "--json", str(pictures)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["file"]).name for line in lines] == ["face.png", "nobody.png"]
    face, nobody = lines
    assert (face["width"], face["height"], nobody["faces"]) == (640, 480, [])
    assert set(face) == {"file", "width", "height", "faces"}
    (found,) = face["faces"]
    assert set(found) == {"box", "score", "label", "scores"}
    assert found["label"] == "with_mask"
    assert set(found["scores"]) == {"with_mask", "without_mask", "incorrect_mask"}
    assert found["box"][0] == pytest.approx(160, abs=5)


def test_image_goes_on_after_a_bad_picture_and_exits_1(pictures, capsys):
    (pictures / "bad.jpg").write_bytes(b"")
    assert main(["image", str(pictures)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "bad.jpg: the file is empty" in err


def test_image_annotates_copies(pictures, tmp_path, capsys):
    before = (pictures / "face.png").read_bytes()
    assert main(["image", str(pictures / "face.png"), "--annotate", str(tmp_path / "out")]) == 0
    assert read_picture(tmp_path / "out/face_annotated.jpg").shape == (480, 640, 3)
    assert (pictures / "face.png").read_bytes() == before


def test_min_score_leaves_faces_out(pictures, capsys):
    assert main(["image", "--json", "--min-score", "0.9999", str(pictures / "face.png")]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [(["image", "/nowhere"], "no such file or folder"), (["run", "--source", "/nowhere"], "no such source")],
)
def test_errors_are_one_line_and_exit_1(words, message, capsys):
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


def test_a_huge_picture_is_no_trouble(tmp_path, capsys):
    write_picture(tmp_path / "huge.jpg", np.zeros((6200, 8100, 3), np.uint8))
    assert main(["image", "--json", str(tmp_path / "huge.jpg")]) == 0
    assert json.loads(capsys.readouterr().out)["width"] == 8100


# --- exit codes


def test_usage_errors_exit_2():
    assert run("fly").returncode == 2
    assert run("image", "x.jpg", "--min-score", "7").returncode == 2
    assert main(["config", "check"]) == 2


def test_configuration_errors_exit_78(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[source]\nurl = 'x'\n")
    result = run("run", "--config", str(path))
    assert result.returncode == 78
    assert "unknown key 'url'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_door_name_with_other_characters_is_one_line_and_exits_78(tmp_path, capsys):
    path = tmp_path / "c.toml"
    path.write_text("[door]\nname = 'front door'\n")
    assert main(["config", "check", "--config", str(path)]) == 78
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "door.name = 'front door'" in err


def test_debug_shows_the_traceback():
    assert "Traceback" in run("image", "/nowhere", "--debug").stderr


def test_what_nobody_foresaw_is_one_line_and_exits_1(pictures, capsys, monkeypatch):
    def broken(*arguments):
        raise KeyError("what")

    monkeypatch.setattr("edge.commands.image.run_image", broken)
    assert main(["image", str(pictures)]) == 1
    assert (
        capsys.readouterr().err
        == "mask-edge: KeyError: 'what': not foreseen; run it again with --debug, and report what it prints\n"
    )
    with pytest.raises(KeyError):
        main(["image", "--debug", str(pictures)])


@pytest.mark.parametrize("variable", ["CLASSIFIER", "DETECTOR"])
def test_a_missing_model_is_one_line(variable):
    result = run("run", "--source", "demo", environment={f"MASK_EDGE_{variable}_MODEL": "/nowhere.tflite"})
    assert result.returncode == 1
    assert "/nowhere.tflite: no such model" in result.stderr
    assert "Traceback" not in result.stderr


# --- run


def test_a_folder_runs_to_its_end_and_is_reproducible_to_the_byte(pictures, tmp_path):
    outputs = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.jsonl"
        assert main(["run", "--source", str(pictures), "--jsonl", str(path), "--jsonl-frames", "all"]) == 0
        outputs.append(path.read_bytes())
    assert outputs[0] == outputs[1]
    lines = [json.loads(line) for line in outputs[0].splitlines()]
    assert {Path(line["file"]).name for line in lines} == {"face.png", "nobody.png"}
    last = {Path(line["file"]).name: line["decision"]["state"] for line in lines}
    assert last == {"face.png": "pass", "nobody.png": "idle"}


def test_jsonl_on_stdout_is_nothing_but_json(pictures):
    result = run("run", "--source", str(pictures), "--jsonl", "-")
    assert result.returncode == 0
    states = [json.loads(line)["decision"]["state"] for line in result.stdout.splitlines()]
    assert list(dict.fromkeys(states)) == ["idle", "pass"]
    assert "PASS" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_a_live_run_cleanly(number, tmp_path):
    path = tmp_path / "a.jsonl"
    command = [
        sys.executable,
        "-m",
        "edge",
        "run",
        "--source",
        "demo",
        "--jsonl",
        str(path),
        "--jsonl-frames",
        "all",
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not (path.is_file() and path.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=15)
    assert process.returncode == 0, err
    assert f"stopping ({number.name})" in err
    assert "summary" in err
    assert "Traceback" not in err
    assert path.read_text().endswith("}\n")


# --- demo, bench, config


def test_the_demo_writes_pictures_and_decisions(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MASK_EDGE_DETECTOR_MODEL", "cascade")
    assert main(["demo", "--seconds", "5", "--out", str(tmp_path / "out")]) == 0
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert names
    assert read_picture(tmp_path / "out" / names[0]).shape == (480, 640, 3)


def test_bench_reports_every_stage(capsys):
    assert main(["bench", "--frames", "5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["stages_ms"]) == {
        "read",
        "resize",
        "detect",
        "crop",
        "classify",
        "track",
        "decide",
        "loop",
    }
    assert report["frames"] == 5
    assert report["loop_to_invoke"] > 1
    assert report["peak_memory_mb"] > 10
    assert report["models_ran_on"] == "cpu"
    assert report["start_to_first_decision_s"] > 0


def test_config_example_check_and_show(tmp_path, capsys):
    assert main(["config", "example"]) == 0
    path = tmp_path / "c.toml"
    path.write_text(capsys.readouterr().out)
    assert main(["config", "check", "--config", str(path)]) == 0
    assert capsys.readouterr().out.strip().endswith("fine")
    assert main(["config", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["detector"]["model"] == TINY["MASK_EDGE_DETECTOR_MODEL"]


@pytest.mark.parametrize("words", [["--help"], ["config", "example"]])
def test_help_and_the_example_load_neither_models_nor_cameras(words):
    """On a small Pi each of these takes a part of a second."""
    code = (
        "import sys\n"
        "from edge.commands.main import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    loaded = result.stderr.split()
    assert "edge.commands.run" in loaded
    rooms = ("edge.inference", "edge.sources", "edge.door", "edge.doctor")
    assert not [name for name in loaded if name.startswith(rooms)]


def commands() -> list[str]:
    action = next(action for action in build_parser()._actions if action.choices)
    return list(action.choices)


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_and_is_in_the_readme(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 200
    assert f"python -m edge {command}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("words", ["config example", "run --source demo --jsonl - --jsonl-frames all"])
def test_a_closed_pipe_ends_the_command_without_a_traceback(words):
    command = f"{sys.executable} -m edge {words} | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.stdout.count("\n") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("gives_up_after_s", [0.5, 1000.0], ids=["given up", "stopped by SIGTERM"])
def test_a_camera_that_hangs_ends_the_process_without_waiting_for_its_thread(
    monkeypatch, capsys, gives_up_after_s
):
    release = threading.Event()

    class HangingCamera(DemoSource):
        def read(self, timeout):
            release.wait(30)

    feed = LiveFeed(
        lambda: HangingCamera(realtime=True), hangs_after_s=0.1, gives_up_after_s=gives_up_after_s
    )
    left = []
    monkeypatch.setattr("edge.door.open_source", lambda *_: feed)
    monkeypatch.setattr("edge.commands.main.os._exit", left.append)

    def terminate():
        while feed.problem is None:  # set by the loop, which by then handles the signal
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    if gives_up_after_s > 100:
        threading.Thread(target=terminate).start()
    main(["run", "--source", "usb:0"])
    release.set()
    assert left == [1 if gives_up_after_s < 100 else 0]
    errors = capsys.readouterr().err
    assert "the camera hangs: " in errors
    assert ("ending, so that the service starts again" in errors) == (gives_up_after_s < 100)
