"""The command `training.train_detector` and its report, with one tiny run from pictures to figures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow")
pytest.importorskip("keras")
import keras

from edge.errors import DataError
from edge.pictures.files import read_picture, write_picture
from training import train_detector
from training.datasets.scenes import make_scene
from training.detector import parts
from training.detector.coco import Judged
from training.detector.evaluate import detection_text, evaluate_detector
from training.detector.fit import Mining, Schedule, append_history
from training.detector.judging import judge_picture, keras_finder
from training.detector.report import TILE, contact_sheet, mistakes
from training.detector.shape import DetectorShape
from training.detector.trunks import TRUNKS
from training.runs import prepare_folder, read_history
from training.train_detector import build_parser

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


def schedule(**changes: float) -> tuple[Schedule, SimpleNamespace]:
    composer = SimpleNamespace(progress=0.0)
    settings = {
        "peak": 1e-2,
        "epochs": 10,
        "steps": 100,
        "first": 0,
        "minutes": math.inf,
        "spent": 0.0,
    } | changes
    callback = Schedule(composer, **settings)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.0), stop_training=False))
    return callback, composer


def test_learning_rate_rises_then_falls_to_almost_nothing() -> None:
    callback, composer = schedule()
    rates = []
    for step in range(1000):
        callback.on_train_batch_begin(step % 100)
        rates.append(callback.model.optimizer.learning_rate)
    assert rates[0] < 1e-4 < max(rates) <= 1e-2 and 200 < int(np.argmax(rates)) < 400
    assert rates[-1] < 1e-4 and composer.progress == pytest.approx(0.999) and not callback.model.stop_training


def test_time_ends_a_training_that_epochs_would_not() -> None:
    callback, composer = schedule(minutes=10, spent=300)
    callback.on_train_batch_begin(0)
    assert composer.progress == pytest.approx(0.5, abs=0.01) and not callback.model.stop_training
    callback, _ = schedule(minutes=10, spent=601)
    callback.on_train_batch_begin(0)
    assert callback.model.stop_training


def test_history_survives_a_resumed_run_and_earlier_runs_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    assert read_history(path) == {}
    for epoch in range(2):
        append_history(path, epoch, {"loss": 2.0 - epoch, "seconds": 3.0})
    assert read_history(path) == {"epoch": [0, 1], "loss": [2, 1], "seconds": [3, 3]}
    with pytest.raises(DataError, match="--resume"):
        prepare_folder(tmp_path, resume=False)
    with pytest.raises(DataError, match="leave --resume out"):
        prepare_folder(tmp_path, resume=True)
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "training_metadata.json").write_text('{"epoch": 2}')
    assert prepare_folder(tmp_path, resume=True) == 2
    (tmp_path / "model.keras").touch()
    with pytest.raises(DataError, match="finished; go on from it with --start-from"):
        prepare_folder(tmp_path, resume=True)


def test_mining_makes_backgrounds_that_score_high_more_likely() -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    brightness = keras.layers.Lambda(
        lambda x: keras.ops.stack([keras.ops.mean(x, axis=(1, 2, 3))[:, None] * 10 - 5] * 5, axis=-1)
    )
    whole = keras.Model(pixels, brightness(keras.layers.Rescaling(1 / 255)(pixels)))
    backgrounds = [(None, np.full((12, 16, 3), level, np.uint8)) for level in (0, 255)]
    composer = SimpleNamespace(backgrounds=backgrounds, difficulty=np.ones(2))
    mining = Mining(composer, whole)
    mining.on_epoch_begin(0)
    expected = mining.LEAST + 1 / (1 + np.exp([5.0, -5.0])) ** 2
    np.testing.assert_allclose(composer.difficulty, expected, rtol=1e-4)


def test_mining_looks_at_the_backgrounds_in_turn() -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    outputs = keras.layers.Reshape((1, 192))(keras.layers.Rescaling(1.0)(pixels))
    composer = SimpleNamespace(
        backgrounds=[(None, np.full((8, 8, 3), 9, np.uint8))] * 5, difficulty=np.zeros(5)
    )
    mining = Mining(composer, keras.Model(pixels, outputs))
    mining.LOOKS = 2
    mining.on_epoch_begin(0)
    composer.difficulty = np.zeros(5)
    for seen in ([1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]):
        before = composer.difficulty
        mining.on_epoch_begin(1)
        np.testing.assert_array_equal(composer.difficulty > 0, seen)
        assert composer.difficulty is not before, "a worker may be drawing by the old one"


def test_finder_scales_boxes_to_the_picture_and_clips_them() -> None:
    shape = DetectorShape(64, 64)
    outputs = []
    for level in shape.levels:
        side = 64 // level.stride
        outputs += [np.full((1, side, side, 2), -9, np.float32), np.zeros((1, side, side, 8), np.float32)]
    outputs[0][0, 3, 5, 1] = 4  # stride 8, the second anchor: 17 x 22 px around (44, 28)
    outputs[4][0, 0, 0, 1] = 1  # stride 32: larger than the picture
    boxes, scores = keras_finder(lambda pixels, training: outputs, shape, 0.4)(
        np.zeros((64, 128, 3), np.uint8)
    )
    np.testing.assert_allclose(boxes[0], [2 * (44 - 8.5), 28 - 11, 2 * (44 + 8.5), 28 + 11], atol=1e-4)
    np.testing.assert_allclose(boxes[1], [0, 0, 128, 64])
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-4.0, -1.0])), rtol=1e-5)


def test_mistakes_are_misses_of_countable_faces_and_boxes_on_nothing() -> None:
    faces = np.array([[0, 0, 30, 40], [100, 0, 130, 40], [200, 0, 205, 8], [300, 0, 330, 40]], np.float32)
    found = np.array([[2, 0, 32, 40], [400, 0, 430, 40], [500, 0, 530, 40]], np.float32)
    ignored, light = np.array([False, False, False, True]), np.full(4, 128, np.float32)
    picture = Judged(
        "a", 640, 480, faces, ("face",) * 4, ignored, light, found, np.array([0.9, 0.8, 0.3], np.float32)
    )
    missed, alarms = mistakes(picture, 0.5)
    np.testing.assert_array_equal(missed, faces[1:2])
    assert [score for _, score in alarms] == [pytest.approx(0.8)]


def test_lightness_is_that_of_the_upper_half() -> None:
    pixels = np.full((60, 80, 3), 255, np.uint8)
    pixels[10:30, 20:60] = 50
    scene = make_scene(
        Path("a.png"),
        "s",
        "g",
        np.array([[20, 10, 60, 50], [-9, -9, 1, 1]], np.float32),
        ["face"] * 2,
        np.zeros(2, bool),
    )
    judged = judge_picture(scene, pixels, lambda _: (np.empty((0, 4), np.float32), np.empty(0, np.float32)))
    assert judged.lightness.tolist() == [50, 255]


def test_contact_sheet_takes_boxes_at_the_border_and_none() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    sheet = contact_sheet(
        [(pixels, np.array(box, np.float32)) for box in ((0, 0, 5, 5), (50, 30, 60, 40))], columns=3
    )
    assert sheet.shape == (TILE, 3 * TILE, 3) and sheet.any() and not sheet[:, 2 * TILE :].any()
    assert contact_sheet([], columns=2).shape == (TILE, 2 * TILE, 3)


def pictures(folder: Path) -> Path:
    """Twelve scenes of one grey square each, COCO."""
    images, notes = [], []
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 60, (96, 128, 3), np.uint8)
        pixels[20:60, 30:62] = 200
        write_picture(folder / "images" / f"{number}.png", pixels)
        images.append({"id": number, "file_name": f"{number}.png"})
        notes.append({"image_id": number, "category_id": 1, "bbox": [30, 20, 32, 40]})
    document = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "with_mask"}]}
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def test_a_frozen_trunk_of_random_values_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(
            ["--data", "scenes", "--out", "run", "--trunk", "mobilenet_v2", "--weights", "none"]
        )
    assert "--trunk light is the one" in capsys.readouterr().err


@pytest.mark.parametrize("trunk", TRUNKS)
def test_from_pictures_to_figures(trunk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "difference_hash", lambda pixels: hash(pixels.tobytes()) % 2**63)
    out, data = tmp_path / "run", pictures(tmp_path / "data")
    words = [
        "--data",
        str(data),
        "--out",
        str(out),
        "--epochs",
        "1",
        "--batch",
        "2",
        "--input",
        "64x64",
        "--width",
        "0.25",
        "--test-fraction",
        "0.25",
        "--trunk",
        trunk,
    ]
    base = ["--weights", str(tmp_path / "base.weights.h5")]
    keras.applications.MobileNetV2(
        input_shape=(96, 96, 3), alpha=0.25, include_top=False, weights=None
    ).save_weights(base[1])
    if trunk == "light":
        with pytest.raises(DataError, match="--weights goes with --trunk mobilenet_v2"):
            train_detector.main(build_parser().parse_args([*words, *base]))
    else:
        words += base
    assert train_detector.main(build_parser().parse_args(words)) == 0
    config = json.loads((out / "config.json").read_text())
    assert (config["task"], config["trunk"]) == ("detection", trunk)
    assert config["pictures"] == {"scenes": 8, "faces": 0, "backgrounds": 0, "val": 1, "test": 3}
    assert str(tmp_path) not in (out / "config.json").read_text()
    assert len(read_history(out / "history.csv")["loss"]) == 1 and not (out / "backup").exists()
    assert read_picture(out / "test" / "misses.png").shape[1] % TILE == 0
    again = tmp_path / "again"
    (tmp_path / "excluded.csv").write_text("file\nimages/0.png\nimages/1.png\n")
    more = [
        "--start-from",
        str(out / "model.keras"),
        "--exclude",
        str(tmp_path / "excluded.csv"),
        "--repeat",
        "data=3",
        "--split",
        str(out / "split.csv"),
    ]
    words = [str(again) if word == str(out) else "96x64" if word == "64x64" else word for word in words]
    assert train_detector.main(build_parser().parse_args([*words, *more])) == 0
    second = json.loads((again / "config.json").read_text())
    assert (
        second["shape"]["width"] == 96
        and second["pictures"]["scenes"] in (18, 21, 24)
        and second["arguments"]["start_from"] == "model.keras"
    )
    figures = evaluate_detector(out / "model.keras", [data], out / "split.csv", "test")
    assert figures["all"]["pictures"] == 3 and "with_mask" in detection_text(figures)
    assert figures == json.loads((out / "metrics.json").read_text())["test"] | {"unreadable": 0}
