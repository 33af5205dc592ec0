"""Cards: what fits loads, and what does not is refused with one line."""

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
