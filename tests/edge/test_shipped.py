"""The models that ship, as they ship."""

import json
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from edge.config.reading import Config
from edge.config.tables import ClassifierConfig, DetectorConfig
from edge.door import build_pipeline
from edge.inference.card import load_card
from edge.inference.shipped import MODELS, build_classifier, build_detector
from edge.pictures.files import read_picture
from edge.preprocess import resize
from edge.sources.demo import PORTRAIT, DemoSource
from edge.types import Frame, Label, State

FILES = sorted(MODELS.glob("*.tflite"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_model_has_a_card_that_fits_and_tells_people_what_they_need(path):
    load_card(path)
    card = json.loads(path.with_suffix(".json").read_text())
    assert {"training_data", "licence", "intended_use", "limits", "metrics"} <= set(card)
    assert {"measured_on", "command", "date"} <= set(card["metrics"])
    assert "/tmp" not in json.dumps(card)


def test_the_classifier_ships():
    assert build_classifier(ClassifierConfig()).card.labels == (
        Label.WITH_MASK,
        Label.WITHOUT_MASK,
        Label.INCORRECT_MASK,
    )


@pytest.mark.parametrize("detector", ["auto", pytest.param("wide", marks=pytest.mark.slow)])
def test_the_demo_tells_its_story(detector):
    """Nobody, no mask, mask, nose bare, mask, nobody: in this order.

    Nothing else is said for longer than it takes to look.
    """
    pipeline = build_pipeline(Config(detector=DetectorConfig(model=detector)), live=False)
    states = []
    with DemoSource(18) as source:
        while not source.finished:
            states.append(pipeline.process(source.read(0)).decision.state)
    held = [state for state, run in groupby(states) if len(list(run)) > 8]
    assert held == [State.IDLE, State.DENY, State.PASS, State.DENY, State.PASS, State.IDLE]


def test_the_wide_detector_sees_small_faces_that_the_other_does_not():
    """A wall of 35 portraits whose faces are 16 px high."""
    portrait = resize(read_picture(PORTRAIT), 90, 90)
    frame = Frame(np.tile(portrait, (5, 7, 1)), 0, 0.0, "wall")
    found = {name: len(build_detector(DetectorConfig(model=name)).detect(frame)) for name in ("auto", "wide")}
    assert found["wide"] >= 30
    assert found["auto"] <= 0.8 * found["wide"]


@pytest.mark.shared
def test_the_classifier_does_as_well_as_its_card_says(shared: Path):
    pytest.importorskip("sklearn", reason="the training extra is not installed: this test was NOT run")
    from training.classifier.evaluate import evaluate, load_scorer, select_samples

    path = MODELS / "mask_classifier.tflite"
    samples = select_samples([shared / "data" / "faces"], path.with_suffix(".split.csv"), "test", None)
    figures = evaluate(load_scorer(path), samples).figures
    said = json.loads(path.with_suffix(".json").read_text())["metrics"]
    assert figures["n"] == said["n"]
    # Other processors round a few scores differently.
    assert figures["macro_f1"] == pytest.approx(said["macro_f1"], abs=0.01)
    assert figures["with_without"]["balanced_accuracy"] == pytest.approx(
        said["with_without"]["balanced_accuracy"], abs=0.01
    )


@pytest.mark.shared
@pytest.mark.parametrize("name", ["face_detector", "face_detector_wide"])
def test_a_detector_does_as_well_as_its_card_says(name: str, shared: Path):
    for library in ("keras", "pycocotools"):
        pytest.importorskip(library, reason="the training extra is not installed: this test was NOT run")
    from training.detector.evaluate import evaluate_detector

    path = MODELS / f"{name}.tflite"
    folders = [shared / "data" / "boxes", shared / "data" / "background"]
    figures = evaluate_detector(path, folders, MODELS / "face_detector.split.csv", "test")
    said = json.loads(path.with_suffix(".json").read_text())["metrics"]
    assert (figures["all"]["pictures"], figures["backgrounds"]) == (
        said["all"]["pictures"],
        said["backgrounds"],
    )
    # Other processors round a few scores differently.
    for source, row in said["per_source"].items():
        assert figures["per_source"][source]["ap35"] == pytest.approx(row["ap35"], abs=0.02), source
    assert figures["all"]["recall"] == pytest.approx(said["all"]["recall"], abs=0.01)
    assert figures["false_alarms_per_100_backgrounds"] == pytest.approx(
        said["false_alarms_per_100_backgrounds"], abs=1.1
    )
