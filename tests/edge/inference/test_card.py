"""Cards: what fits loads, and what does not is refused with one line."""

import json
import os
import random

import pytest

from edge.errors import ModelError
from edge.inference.card import load_card, own_sha256
from edge.inference.masks import MaskClassifier
from edge.types import Label
from tests.builders import DATA, ROOT


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


LABELS = ["with_mask", "without_mask", "incorrect_mask"]


def detector(**changes):
    known = json.loads((DATA / "blobs.json").read_text())["detector"]
    return {"detector": known | changes}


def level(**changes):
    return detector(levels=[{"stride": 16, "sizes": [[16, 16]]} | changes])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": ["with_mask"] * 3}, "labels: one is there twice"),
        ({"labels": ["with_mask", "without_mask", "unknown"]}, "labels: unknown is no class"),
        ({"labels": ["with_mask", "incorrect_mask"]}, "labels lack without_mask"),
        ({"labels": ["without_mask"]}, "labels lack with_mask"),
        ({"labels": []}, "labels lack"),
        ({"labels": "with_mask"}, "labels must be a list"),
        ({"labels": [["with_mask"], "without_mask"]}, "labels: "),
        ({"labels": [None, 1, {}]}, "labels: None"),
        ({"crop_margin": "0.15"}, "crop_margin must be a number"),
        ({"crop_margin": -0.1}, "crop_margin must be"),
        ({"crop_margin": 1e300}, "crop_margin must be"),
        ({"crop_margin": 10**400}, "crop_margin must be"),
        ({"crop_margin": True}, "crop_margin must be a number"),
        ({"edgetpu": []}, "edgetpu is no object"),
        ({"edgetpu": {}}, "lacks 'source_sha256' in edgetpu"),
        ({"sha256": 5}, "sha256 is no text"),
        ({"sha256": "x" * 64}, "sha256 is no SHA-256"),
        ({"name": ""}, "name is no text"),
        ({"name": "a\x1b[2Jb"}, "name is no text"),
        ({"name": "n" * 1000}, "name is no text"),
        ({"input": []}, "input is no object"),
        ({"format": 10**400}, "format"),
        ({"format": [1]}, "format"),
    ],
)
def test_a_classifiers_card_that_lies_is_refused(model_copy, changes, words):
    with pytest.raises(ModelError, match=words) as caught:
        load_card(model_copy("brightness", changes))
    assert "brightness.json" in str(caught.value)


@pytest.mark.parametrize("value", [0, -16, 7, 5000, 16.5, "16", None, True, 10**400, [16]])
@pytest.mark.parametrize("key", ["width", "height"])
def test_the_inputs_size_has_bounds(model_copy, key, value):
    entry = json.loads((DATA / "brightness.json").read_text())["input"]
    with pytest.raises(ModelError, match=rf"input\.{key} must be"):
        load_card(model_copy("brightness", {"input": entry | {key: value}}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (level(stride=0), r"detector\.levels\[0\]\.stride must be a whole number from 1"),
        (level(stride=1e308), "stride must be"),
        (level(stride=10**400), "stride must be"),
        (level(sizes=[[0, 16]]), r"detector\.levels\[0\]\.sizes must be"),
        (level(sizes=[[16]]), "sizes must be a pair"),
        (level(sizes=[]), "needs an anchor size"),
        (level(sizes=[[16, 16]] * 101), "sizes must be a list of 100"),
        (detector(levels={}), "levels must be a list"),
        (detector(levels=[5]), r"levels\[0\] is no object"),
        (detector(variances=[0, 0.2]), "variances must be"),
        (detector(variances=[0.1]), "variances must be a pair"),
        (detector(variances=0.1), "variances must be a pair"),
        (detector(score_threshold=1.5), "score_threshold must be"),
        (detector(score_threshold=None), "score_threshold must be"),
        (detector(iou_threshold=-1), "iou_threshold must be"),
        (detector(outputs=[]), "outputs is no text"),
        (detector(face_class=-1), "face_class must be a whole number"),
        (detector(output_names=[]), "output_names is no object"),
        (detector(output_names={"boxes": 1}), r"output_names\.boxes is no text"),
        (detector(output_names={"faces": "x"}), r"output_names\.faces is none of"),
        ({"detector": []}, "detector is no object"),
    ],
)
def test_a_detectors_card_that_lies_is_refused(model_copy, changes, words):
    with pytest.raises(ModelError, match=words):
        load_card(model_copy("blobs", changes))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"card"',
        "[" * 200_000,
        '{"a":' * 100_000,
        "{",
        '{"format": 1, "format": 1}',
        '{"format": NaN}',
        '{"format": -Infinity}',
        '{"format": ' + "9" * 5000 + "}",
        "\ufeff[]",
        b"\xff\xfe{}",
        b"\x00" * 100,
        b" " * (2**20 + 1),
    ],
)
def test_what_is_no_card_is_refused(model_copy, text):
    path = model_copy("brightness")
    card = path.with_suffix(".json")
    card.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelError, match=r"brightness\.json: ") as caught:
        load_card(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".json", ".tflite"])
def test_neither_a_pipe_nor_a_folder_nor_a_device_is_waited_for(model_copy, suffix):
    path = model_copy("brightness")
    odd = path.with_suffix(suffix)
    for make in (os.mkfifo, os.mkdir, lambda name: name.symlink_to("/dev/zero")):
        odd.rmdir() if odd.is_dir() else odd.unlink()
        make(odd)
        with pytest.raises(ModelError, match=r"cannot be read \("):
            load_card(path)


def test_the_cards_own_hash_is_checked_where_there_is_one(model_copy):
    """Else labels in another order look as good as right ones, and a bare face opens the door."""
    path = model_copy("brightness")
    card = json.loads(path.with_suffix(".json").read_text())
    card["card_sha256"] = own_sha256(card)
    path.with_suffix(".json").write_text(json.dumps(card, indent=4, sort_keys=True))
    assert load_card(path).labels[0] is Label.WITH_MASK
    card["labels"] = [card["labels"][1], card["labels"][0], *card["labels"][2:]]
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="changed after it was written"):
        load_card(path)


@pytest.mark.parametrize("name", ["face_detector", "face_detector_wide", "mask_classifier"])
def test_shipped_cards_have_their_own_hash(name):
    path = ROOT / "models" / f"{name}.json"
    card = json.loads(path.read_text())
    assert card["card_sha256"] == own_sha256(card)


NUMBERS = [None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf")]
SHAPES = [*NUMBERS, "", "\x00", "a" * 300, [], [[]], {}, {"a": []}]


def mutated(value, rng):
    """One place of a card replaced, taken out, or moved."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        return [*value[:place], mutated(value[place], rng), *value[place + 1 :]]
    return rng.choice([*SHAPES, value, [value], {"x": value}])


@pytest.mark.parametrize("name", ["brightness", "blobs", "postprocessed"])
def test_whatever_a_card_holds_it_loads_or_is_refused(model_copy, name):
    rng = random.Random(18)
    path = model_copy(name)
    known = json.loads(path.with_suffix(".json").read_text())
    refused = 0
    for _ in range(1500):
        card = known
        for _ in range(rng.randint(1, 3)):
            card = mutated(card, rng)
        text = json.dumps(card)
        if rng.random() < 0.2:
            place = rng.randrange(len(text))
            text = text[:place] + chr(rng.randrange(1, 0x2FF)) + text[place + rng.randint(0, 3) :]
        path.with_suffix(".json").write_text(text)
        try:
            card = load_card(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
        else:
            assert 16 <= card.width <= 4096
    assert refused > 500
