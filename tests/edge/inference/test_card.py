"""Cards: what fits loads, and what does not is refused with one line."""

import json

import pytest

from edge.errors import ModelError
from edge.inference.card import load_card
from edge.inference.masks import MaskClassifier
from edge.types import Label
from tests.builders import DATA


def test_a_card_that_fits_loads():
    card = load_card(DATA / "brightness.tflite")
    assert (card.task, card.width, card.height, card.labels[0], card.detector) == (
        "classification",
        16,
        16,
        Label.WITH_MASK,
        None,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"format": 99}, "format 99"),
        ({"task": "cooking"}, "neither classification nor detection"),
        ({"labels": ["with_hat", "without_mask"]}, "with_hat"),
        ({"input": {"width": 16, "height": 16, "colour": "BGR", "mean": 128.0, "std": 128.0}}, "RGB"),
        ({"input": {}}, "lacks 'colour'"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(model_copy, changes, words):
    with pytest.raises(ModelError, match=words):
        load_card(model_copy("brightness", changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ["with_mask"] * 3}, "one is there twice"),
        ({"labels": ["with_mask", "without_mask", "unknown"]}, "unknown is no class"),
        ({"labels": ["with_mask", "incorrect_mask"]}, "labels lack without_mask"),
        ({"labels": []}, "labels lack"),
        ({"labels": "with_mask"}, "not a usable model card"),
        ({"crop_margin": "nan"}, "crop_margin must be a number from 0 to 1"),
        ({"crop_margin": float("nan")}, "crop_margin must be"),
        ({"crop_margin": -0.1}, "crop_margin must be"),
        ({"crop_margin": 10**400}, "crop_margin must be"),
        ({"edgetpu": []}, "not a usable model card"),
        ({"name": "x" * 2**20}, "larger than 1 MB"),
    ],
)
def test_a_classifiers_card_that_lies_is_refused_when_it_is_read(model_copy, changes, words):
    with pytest.raises(ModelError, match=words):
        load_card(model_copy("brightness", changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"levels": []}, "needs a level"),
        ({"levels": [{"stride": 0, "sizes": [[16, 16]]}]}, "stride must be"),
        ({"levels": [{"stride": 16.5, "sizes": [[16, 16]]}]}, "stride must be"),
        ({"levels": [{"stride": 16, "sizes": []}]}, "needs an anchor size"),
        ({"levels": [{"stride": 16, "sizes": [[0, 16]]}]}, "sizes must be"),
        ({"variances": [0.1, float("inf")]}, "variances must be"),
        ({"variances": [0, 0.2]}, "variances must be"),
        ({"score_threshold": float("nan")}, "score_threshold must be a number from 0 to 1"),
        ({"score_threshold": True}, "score_threshold must be"),
        ({"iou_threshold": 1e308}, "iou_threshold must be"),
        ({"output_names": ["boxes"]}, "not a usable model card"),
    ],
)
def test_a_detectors_card_that_lies_is_refused_when_it_is_read(model_copy, changes, words):
    detector = json.loads((DATA / "blobs.json").read_text())["detector"]
    with pytest.raises(ModelError, match=words):
        load_card(model_copy("blobs", {"detector": detector | changes}))


def test_a_card_of_many_brackets_is_refused(model_copy):
    path = model_copy("brightness")
    path.with_suffix(".json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="not a usable model card"):
        load_card(path)


def test_missing_and_broken_files(model_copy, tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        load_card(tmp_path / "nothing.tflite")
    with pytest.raises(ModelError, match="not a TFLite file"):
        load_card(model_copy("brightness", content=b"hello, I am a text"))
    path = model_copy("brightness", card=False)
    path.with_suffix(".json").unlink(missing_ok=True)
    with pytest.raises(ModelError, match=r"card brightness\.json is missing"):
        load_card(path)
    path.with_suffix(".json").write_text("{ not json")
    with pytest.raises(ModelError, match="not a usable model card"):
        load_card(path)


def test_a_truncated_model_is_refused(model_copy):
    content = (DATA / "brightness.tflite").read_bytes()
    with pytest.raises(ModelError):
        MaskClassifier(model_copy("brightness", content=content[:700]))
