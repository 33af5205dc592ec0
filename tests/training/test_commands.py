"""The commands of training and convert: arguments, and what a person sees of an error."""

import argparse
import importlib
import signal
import subprocess
import sys

import pytest

from edge.errors import DataError, ModelError
from tests.builders import ROOT
from training.arguments import input_size, named_number
from training.commands import run_command
from training.paths import check_paths
from training.runs import check_request, model_file, prepare_folder, read_config, run_folder, what_is_kept


def exit_code_of(error: BaseException, *words: str) -> int:
    def main(arguments: argparse.Namespace) -> int:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(argparse.ArgumentParser(prog="python -m training.x"), main, words)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("faces: empty", "add pictures"), 1, "python -m training.x: faces: empty; add pictures\n"),
        (KeyboardInterrupt(), 130, "python -m training.x: interrupted\n"),
    ],
)
def test_an_error_is_one_line_with_the_commands_name(error, code, line, capsys):
    assert exit_code_of(error) == code
    assert capsys.readouterr().err == line


def test_debug_shows_the_error_itself():
    with pytest.raises(DataError):
        run_command(argparse.ArgumentParser(), lambda arguments: _raise(), ["--debug"])


def _raise() -> int:
    raise DataError("faces: empty")


def test_a_commands_result_is_its_exit_code():
    with pytest.raises(SystemExit) as caught:
        run_command(argparse.ArgumentParser(), lambda arguments: 3, [])
    assert caught.value.code == 3


@pytest.mark.parametrize(("text", "size"), [("384x288", (384, 288)), ("32x640", (32, 640))])
def test_input_sizes(text, size):
    assert input_size(text) == size


@pytest.mark.parametrize("text", ["384", "384x", "x288", "384x280", "0x32", "-32x32", "384 x 288"])
def test_wrong_input_sizes(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not WIDTHxHEIGHT in multiples of 32"):
        input_size(text)


@pytest.mark.parametrize("text", ["a", "=3", "a=", "a=b", "a=-1"])
def test_wrong_named_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not NAME=NUMBER"):
        named_number(text)
    assert named_number("kaggle12k=300") == ("kaggle12k", 300)


# --- numbers, folders and files are checked before long work


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train", "--epochs -1"),
        ("train", "--epochs 1e3"),
        ("train", "--batch 0"),
        ("train", "--head-epochs -2"),
        ("train", "--seed -1"),
        ("train", "--seed 99999999999999999999"),
        ("train", "--learning-rate nan"),
        ("train", "--learning-rate 0"),
        ("train", "--label-smoothing 1.5"),
        ("train", "--alpha inf"),
        ("train", "--val-fraction nan"),
        ("train", "--test-fraction 0.9"),
        ("train", "--patience x"),
        ("train_detector", "--epochs 0"),
        ("train_detector", "--minutes nan"),
        ("train_detector", "--minutes -5"),
        ("train_detector", "--ema 2"),
        ("train_detector", "--width -1"),
        ("train_detector", "--test-fraction -0.1"),
        ("prepare", "--min-face nan"),
        ("prepare", "--min-face inf"),
        ("evaluate", "--threads -1"),
        ("quantize", "--calibration 0"),
        ("verify", "--min-agreement nan"),
        ("verify", "--max-ap-loss 2"),
        ("verify", "--layer-pictures 0"),
        ("compile", "--timeout 0"),
    ],
)
def test_numbers_out_of_range_are_wrong_usage(command, words, capsys):
    package = "convert" if command in ("quantize", "verify", "compile") else "training"
    parser = importlib.import_module(f"{package}.{command}").build_parser()
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(words.split())
    assert caught.value.code == 2
    assert f"argument {words.split()[0]}: '{words.split()[1]}' is not " in capsys.readouterr().err


@pytest.fixture
def faces(tmp_path):
    (tmp_path / "faces").mkdir()
    return tmp_path / "faces"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("data", ["gone"], "gone: no such folder; correct --data"),
        ("data", ["file"], "file: not a folder; correct --data"),
        ("test_data", ["gone"], "gone: no such folder; correct --test-data"),
        ("background", ["gone"], "gone: no such folder; correct --background"),
        ("start_from", "gone", "gone: no such file; correct --start-from, or leave --start-from out"),
        ("weights", "gone", "gone: no such file; correct --weights"),
        ("split", "faces", "faces: no such file; correct --split"),
        ("teacher", "gone", "models/face_detection_yunet, or leave --teacher out"),
        ("out", "faces", "faces: is also a folder of pictures; choose another --out"),
        ("out", "link", "link: is also a folder of pictures; choose another --out"),
        ("report", "faces/../faces", "is also a folder of pictures; choose another --report"),
    ],
)
def test_paths_are_checked_before_long_work(faces, name, value, error):
    (faces.parent / "file").write_text("")
    (faces.parent / "link").symlink_to(faces)
    whole = [faces.parent / one for one in value] if isinstance(value, list) else faces.parent / value
    with pytest.raises(DataError) as caught:
        check_paths(argparse.Namespace(**{"data": [faces], name: whole}))
    assert error in str(caught.value)


def test_good_paths_pass(faces):
    check_paths(argparse.Namespace(data=[faces], out=faces / "run", weights="imagenet", split=None))
    check_paths(argparse.Namespace(data=[faces], weights="none", start_from=None))


def test_quantize_overwrites_no_model_and_no_card(faces):
    from convert import quantize

    for name in ("m.tflite", "n.json"):
        (faces.parent / name).write_text("mine")
        out = str((faces.parent / name).with_suffix(".tflite"))
        words = ["--model", str(faces), "--data", str(faces), "--out", out]
        with pytest.raises(DataError, match=rf"{name}: exists already"):
            quantize.main(quantize.build_parser().parse_args(words))


# --- Ctrl-C


def test_ctrl_c_says_what_is_kept(capsys):
    def main(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run_command(argparse.ArgumentParser(prog="p"), main, [], kept=lambda arguments: "nothing is kept")
    assert caught.value.code == 130
    assert capsys.readouterr().err == "p: interrupted; nothing is kept\n"


def test_ctrl_c_ends_the_process_although_a_thread_of_the_library_never_does():
    code = (
        "import argparse, threading, time\n"
        "from training.commands import run_command\n"
        "def main(arguments):\n"
        "    threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "run_command(argparse.ArgumentParser(prog='p'), main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "p: interrupted\n")


def test_what_an_interrupted_training_keeps(tmp_path):
    arguments = argparse.Namespace(out=tmp_path)
    assert what_is_kept(arguments) == "no epoch was finished: begin again"
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text('{"epoch": 2}')
    assert what_is_kept(arguments) == (
        f"2 epochs are kept in {tmp_path}: go on with the same command and --resume"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"epoch": "two"}', '{"epoch": -1}'])
def test_a_damaged_backup_is_one_line(tmp_path, text):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text(text)
    with pytest.raises(DataError, match=r"training_metadata\.json: .*begin again"):
        prepare_folder(tmp_path, resume=True)


def request(out, resume=True, **values):
    return argparse.Namespace(**{"out": out, "resume": resume, "batch": 8, "epochs": 5, **values})


def test_a_resumed_training_must_ask_for_the_same(tmp_path):
    facts = {"labels": ["with_mask", "without_mask"], "pictures": {"train": 5}}
    check_request(request(tmp_path), facts)  # of an earlier version, which noted nothing
    check_request(request(tmp_path, resume=False))
    assert not list(tmp_path.iterdir())
    check_request(request(tmp_path, resume=False), facts)
    check_request(request(tmp_path), facts)
    check_request(request(tmp_path, epochs=9), facts)
    with pytest.raises(DataError, match="had batch 8, now it is 16; resume with the same"):
        check_request(request(tmp_path, batch=16))
    with pytest.raises(DataError, match="had labels"):
        check_request(request(tmp_path), {**facts, "labels": ["with_mask"]})


def test_a_run_and_its_model_name_the_same(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"")
    assert model_file(tmp_path) == model_file(tmp_path / "model.keras") == tmp_path / "model.keras"
    assert run_folder(tmp_path) == run_folder(tmp_path / "model.keras") == tmp_path
    assert model_file(tmp_path / "x.tflite") == tmp_path / "x.tflite"


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"size": 96}', b"\xff\xfe\x00"])
def test_a_damaged_run_is_a_model_error(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelError, match=r"config\.json: "):
        read_config(tmp_path)["labels"]


# --- the bound of verify


@pytest.mark.parametrize(
    ("count", "bound", "allowed"),
    [
        (72, 0.01, 2),
        (59, 0.01, 2),
        (10, 0.01, 1),
        (400, 0.01, 8),
        (10_000, 0.01, 117),
        (50, 0.0, 0),
        (5, 1.0, 5),
    ],
)
def test_the_bound_follows_the_number_of_pictures(count, bound, allowed):
    from convert.verify import by_chance

    assert by_chance(count, bound) == allowed
