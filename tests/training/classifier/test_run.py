"""From pictures to an int8 file that the runtime takes: a tiny training, for real. Needs TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="the training extra is not installed: these tests were NOT run")

import keras

from edge.errors import DataError
from edge.inference.card import load_card
from edge.inference.interpreter import TFLiteModel
from edge.inference.masks import MaskClassifier
from edge.pictures.files import read_picture, write_picture
from edge.preprocess import normalise, resize
from tests.builders import ROOT
from tests.training.builders import make_folder
from training.classifier.parts import load_parts
from training.runs import prepare_folder
from training.train import build_parser

pytestmark = pytest.mark.training

CLASS_COLOURS = {"with_mask": (40, 60, 220), "without_mask": (220, 60, 40), "incorrect_mask": (60, 200, 60)}


def run(module: str, *words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Three colours with noise: a task that any network learns."""
    folder = tmp_path_factory.mktemp("data") / "colours"
    rng = np.random.default_rng(0)
    for label, colour in CLASS_COLOURS.items():
        for i in range(24):
            pixels = np.clip(np.array(colour) + rng.normal(0, 25, (40, 40, 3)), 0, 255).astype(np.uint8)
            write_picture(folder / label / f"{label}{i}.png", pixels)
    (folder / "with_mask" / "broken.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    options = (
        "--size",
        96,
        "--alpha",
        0.35,
        "--weights",
        "none",
        "--batch",
        8,
        "--epochs",
        2,
        "--head-epochs",
        1,
    )
    result = run("training.train", "--data", data, "--out", out, *options)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "broken.png: the file is empty" in result.stderr
    assert "macro_f1" in result.stdout
    return out


@pytest.fixture(scope="module")
def converted(trained, data) -> Path:
    path = trained.parent / "small.tflite"
    notes = trained.parent / "notes.json"
    notes.write_text('{"training_data": "three colours", "licence": "none"}')
    result = run(
        "convert.quantize",
        "--model",
        trained,
        "--data",
        data,
        "--out",
        path,
        "--calibration",
        20,
        "--notes",
        notes,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return path


def test_a_run_leaves_all_that_is_needed_to_judge_and_repeat_it(trained):
    present = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    plots = {f"{part}/{plot}.png" for part in ("val", "test") for plot in ("confusion", "roc", "reliability")}
    assert (
        plots
        | {
            "model.keras",
            "history.json",
            "config.json",
            "metrics.json",
            "split.csv",
            "learning_curves.png",
            "test_report.txt",
        }
        <= present
    )
    assert not any(name.startswith("backup") for name in present)
    config = json.loads((trained / "config.json").read_text())
    assert config["labels"] == ["with_mask", "without_mask", "incorrect_mask"]
    assert config["unreadable"] == 1
    assert str(trained.parent) not in (trained / "config.json").read_text()
    assert len(json.loads((trained / "history.json").read_text())["val_loss"]) == 2


def test_a_run_can_hold_out_the_groups_of_an_earlier_one(trained, data):
    split = trained / "split.csv"
    parser = build_parser()
    first = parser.parse_args(["--data", str(data), "--out", "x", "--seed", "0"])
    again = parser.parse_args(["--data", str(data), "--out", "x", "--seed", "5", "--split", str(split)])
    assert load_parts(again).groups == load_parts(first).groups
    other = parser.parse_args(["--data", str(data), "--out", "x", "--seed", "5"])
    assert load_parts(other).groups != load_parts(first).groups


def test_the_int8_file_has_a_card_and_runs_on_the_runtime(converted, data):
    card = json.loads(converted.with_suffix(".json").read_text())
    assert card["input"]["dtype"] == "int8"
    assert (card["input"]["scale"], card["input"]["zero_point"]) == (1 / 128, 0)
    assert card["training_data"] == "three colours"
    assert {"macro_f1", "command", "date", "measured_on"} <= set(card["metrics"])
    assert str(data.parent) not in json.dumps(card)
    classifier = MaskClassifier(converted)
    verdict = classifier.classify([read_picture(data / "with_mask" / "with_mask0.png")])[0]
    assert sum(verdict.scores.values()) == pytest.approx(1)


def test_a_converted_file_can_be_gone_on_from(trained, converted, data, tmp_path):
    """Without epochs it is only balanced and judged. The new model gives the int8 file's results, except for
    the balance.
    """
    words = [
        "--data",
        data,
        "--size",
        96,
        "--batch",
        8,
        "--split",
        trained / "split.csv",
        "--start-from",
        converted,
    ]
    result = run("training.train", *words, "--alpha", 0.35, "--epochs", 0, "--out", tmp_path / "again")
    assert result.returncode == 0, result.stderr[-2000:]
    off = json.loads((tmp_path / "again" / "config.json").read_text())["with_mask_logit_lowered_by"]
    assert f"with_mask's logit lowered by {off:g}" in result.stderr
    pixels = read_picture(data / "without_mask" / "without_mask1.png")
    scores = keras.models.load_model(tmp_path / "again" / "model.keras", compile=False).predict(
        normalise(resize(pixels, 96, 96))[None], verbose=0
    )[0]
    scores *= np.exp([off, 0, 0])
    model = TFLiteModel(load_card(converted), threads=1)
    np.testing.assert_allclose(
        scores / scores.sum(), model.run(resize(pixels, 96, 96))[0].dequantise()[0], atol=0.05
    )
    wrong = run("training.train", *words, "--alpha", 0.5, "--out", tmp_path / "other")
    assert wrong.returncode == 1
    assert "cannot start from it" in wrong.stderr.splitlines()[-1]


def test_verify_compares_and_fails_beyond_its_bound(trained, converted, data):
    words = ("--float", trained / "model.keras", "--int8", converted, "--data", data, "--json")
    result = run("convert.verify", *words, "--min-agreement", 0, "--layers", "--layer-pictures", 4)
    assert result.returncode == 0, result.stderr[-2000:]
    report = json.loads(result.stdout)
    assert {"agreement", "largest_difference", "mean_difference", "float", "int8", "n"} <= set(report)
    assert report["n"] == 72
    assert report["edgetpu"]["compared"] is False
    assert "small_edgetpu.tflite" in report["edgetpu"]["why"]
    lost = [layer["lost_db"] for layer in report["layers"]]
    assert len(lost) == 65
    assert lost == sorted(lost, reverse=True)
    assert run("convert.verify", *words, "--min-agreement", 1.01).returncode == 1


@pytest.mark.parametrize("kind", ["keras", "tflite"])
def test_evaluate_takes_both_kinds(trained, converted, data, kind, tmp_path):
    model = trained / "model.keras" if kind == "keras" else converted
    result = run("training.evaluate", "--model", model, "--data", data, "--json", "--report", tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]
    figures = json.loads(result.stdout)
    assert {
        "balanced_accuracy",
        "macro_f1",
        "accuracy",
        "per_class",
        "confusion",
        "auc",
        "ece",
        "n",
        "unreadable",
    } <= set(figures)
    assert (figures["n"], figures["unreadable"]) == (72, 1)
    assert (tmp_path / "confusion.png").is_file()
    mistakes = (tmp_path / "mistakes.csv").read_text().splitlines()
    assert mistakes[0] == "file,label,predicted,score"
    assert len(mistakes) - 1 == round(72 * (1 - figures["accuracy"]))


def test_an_interrupted_training_resumes(data, tmp_path):
    """Killed in its second epoch, it goes on there, and the history has no gap."""
    out = tmp_path / "run"
    words = [
        "--data",
        data,
        "--out",
        out,
        "--size",
        96,
        "--alpha",
        0.35,
        "--weights",
        "none",
        "--batch",
        8,
        "--epochs",
        3,
        "--head-epochs",
        1,
    ]
    command = [sys.executable, "-m", "training.train", *map(str, words)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("Epoch 2/3"):
                process.kill()
                break
    assert not (out / "model.keras").is_file()
    result = run("training.train", *words, "--resume")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "Epoch 2/3" in result.stdout + result.stderr
    assert "Epoch 1/3" not in result.stdout + result.stderr
    assert len(json.loads((out / "history.json").read_text())["loss"]) == 3


@pytest.mark.parametrize(
    ("counts", "options", "words"),
    [
        ({"with_mask": 5}, (), "one class only"),
        ({"with_mask": 5, "without_mask": 0}, (), "the class is empty"),
        ({"with_mask": 9, "without_mask": 9}, ("--weights", "/nowhere.h5"), "no such file"),
        (
            {"with_mask": 9, "without_mask": 9},
            ("--batch", "64", "--weights", "none"),
            "do not fill one batch",
        ),
    ],
)
def test_unusable_input_is_one_line(tmp_path, counts, options, words):
    folder = make_folder(tmp_path / "faces", counts)
    extra = options if "--batch" in options else (*options, "--batch", "1")
    result = run("training.train", "--data", folder, "--out", tmp_path / "run", *extra)
    assert result.returncode == 1
    assert words in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_a_finished_run_is_not_overwritten(trained, data, options):
    result = run("training.train", "--data", data, "--out", trained, *options)
    assert result.returncode == 1
    assert (
        f"this training is finished; go on from it with --start-from {trained / 'model.keras'}"
        in result.stderr
    )


def test_an_interrupted_run_is_not_overwritten(tmp_path):
    with pytest.raises(DataError, match="nothing to resume"):
        prepare_folder(tmp_path / "run", resume=True)
    assert prepare_folder(tmp_path / "run", resume=False) == 0
    (tmp_path / "run" / "history.csv").write_text("epoch,loss\n0,1.0\n")
    with pytest.raises(DataError, match="holds an interrupted run; add --resume"):
        prepare_folder(tmp_path / "run", resume=False)
