"""Which model a configuration means, and what is said where the shipped one is missing."""

from pathlib import Path

import pytest

from edge.config.tables import ClassifierConfig, DetectorConfig
from edge.errors import ModelError
from edge.inference import shipped
from edge.inference.cascade import CascadeFaceDetector
from edge.inference.faces import SSDFaceDetector
from tests.builders import DATA


@pytest.fixture
def nothing_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "MODELS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "file"),
    [("auto", "face_detector.tflite"), ("wide", "face_detector_wide.tflite"), ("cascade", None)],
)
def test_names_mean_shipped_files(model, file):
    config = DetectorConfig(model=model)
    path = shipped.asked_detector(config)
    assert path == (shipped.MODELS / file if file else None)
    assert shipped.detector_path(config) == path
    assert shipped.falls_back(config) is None


def test_auto_falls_back_to_the_cascade_and_says_so_once(nothing_shipped, caplog):
    config = DetectorConfig()
    assert shipped.detector_path(config) is None
    assert shipped.detector_input_size(config) is None
    assert isinstance(shipped.build_detector(config), CascadeFaceDetector)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{nothing_shipped / 'face_detector.tflite'} is missing" in record.message
    assert "loses most masked ones; install again" in record.message
    advice = shipped.falls_back(config)
    assert str(advice) == record.message


@pytest.mark.parametrize("model", ["wide", "/nowhere/detector.tflite"])
def test_a_detector_that_is_asked_for_by_name_is_never_replaced(nothing_shipped, model):
    config = DetectorConfig(model=model)
    assert shipped.falls_back(config) is None
    with pytest.raises(ModelError, match="no such model"):
        shipped.build_detector(config)
    with pytest.raises(ModelError, match="no such model"):
        shipped.detector_input_size(config)


def test_the_cascade_that_is_asked_for_is_no_fall_back(nothing_shipped, caplog):
    assert isinstance(shipped.build_detector(DetectorConfig(model="cascade")), CascadeFaceDetector)
    assert not caplog.records


def test_a_detector_of_ones_own():
    path = DATA / "blobs.tflite"
    config = DetectorConfig(model=str(path), score_threshold=0.7)
    detector = shipped.build_detector(config)
    assert isinstance(detector, SSDFaceDetector)
    assert (detector.card.path, detector.score_threshold) == (path, 0.7)
    assert shipped.detector_input_size(config) == (64, 48)
    own = shipped.build_detector(DetectorConfig(model=str(path)))
    assert own.score_threshold == own.card.detector.score_threshold


def test_a_missing_classifier_is_an_error(nothing_shipped):
    with pytest.raises(ModelError) as caught:
        shipped.build_classifier(ClassifierConfig())
    assert (
        caught.value.what
        == f"{nothing_shipped / 'mask_classifier.tflite'}: the shipped classifier is missing"
    )
    assert caught.value.cure == "install again, or set [classifier] model"


def test_a_classifier_of_ones_own():
    config = ClassifierConfig(model=str(DATA / "brightness.tflite"))
    assert shipped.classifier_path(config) == Path(config.model)
    assert shipped.build_classifier(config).card.name == "brightness"
