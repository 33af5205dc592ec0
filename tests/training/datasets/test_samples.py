import csv
import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from edge.errors import DataError
from edge.pictures.drawn_masks import MaskStyle, draw_mask
from edge.pictures.files import write_picture
from edge.types import BoundingBox, Label
from training.classifier.metrics import (
    classification_metrics,
    expected_calibration_error,
    text_report,
    with_without,
)
from training.datasets.duplicates import check_pictures, difference_hash, near_duplicates
from training.datasets.samples import LABELS, Sample, present_labels, read_samples
from training.datasets.splits import (
    is_excluded,
    limit_sources,
    read_excluded,
    read_split,
    split_groups,
    write_split,
)

LANDMARKS = ((40, 40), (80, 40), (60, 62), (45, 84), (75, 84))


def noise(seed: int, width: int = 48, height: int = 48):
    return (
        np.random.default_rng(seed)
        .integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
    )


def make_folder(root, counts):
    seed = 0
    for label, count in counts.items():
        (root / label).mkdir(parents=True)
        for i in range(count):
            write_picture(root / label / f"{i}.png", noise(seed))
            seed += 1
    return root


def make_samples(groups: int = 12, each: int = 4) -> list[Sample]:
    return [
        Sample(None, LABELS[i % 3], f"source{g % 2}", f"group{g}")  # type: ignore[arg-type]
        for g in range(groups)
        for i in range(each)
    ]


# --- reading


def test_subfolders(tmp_path):
    samples = read_samples(make_folder(tmp_path / "faces", {"with_mask": 2, "without_mask": 1}))
    assert [sample.label for sample in samples] == [Label.WITH_MASK] * 2 + [Label.WITHOUT_MASK]
    assert (
        len({sample.group for sample in samples}) == 3 - 1
    )  # the same file name in two classes is one group: it may be the same person
    assert present_labels(samples) == (Label.WITH_MASK, Label.WITHOUT_MASK)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (None, "no such folder"),
        ({}, "no sub-folder"),
        ({"with_mask": 1, "without_mask": 0}, "the class is empty"),
    ],
)
def test_unusable_folders(tmp_path, counts, words):
    folder = tmp_path / "faces"
    if counts is not None:
        folder.mkdir()
        make_folder(folder, counts)
    with pytest.raises(DataError, match=words):
        read_samples(folder)


def test_one_class_alone_is_an_error(tmp_path):
    with pytest.raises(DataError, match="one class only"):
        present_labels(read_samples(make_folder(tmp_path / "faces", {"with_mask": 3})))


def test_manifest(tmp_path):
    write_picture(tmp_path / "a.png", noise(0))
    rows = [
        ["file", "label", "source", "group", "xmin", "ymin", "xmax", "ymax"],
        ["a.png", "with_mask", "s", "g", 8, 8, 40, 40],
    ]
    with (tmp_path / "manifest.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)
    (sample,) = read_samples(tmp_path)
    assert (sample.source, sample.group, sample.box) == ("s", "g", BoundingBox(8, 8, 40, 40))
    assert sample.crop(noise(0)).shape == (42, 42, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\na.png,with_hat\n", "line 2: unknown label 'with_hat'"),
        ("name\na.png\n", "columns file and label"),
    ],
)
def test_bad_manifests(tmp_path, text, words):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_samples(tmp_path)


def test_coco(tmp_path):
    coco = {
        "categories": [{"id": 1, "name": "with_mask"}, {"id": 4, "name": "face"}],
        "images": [{"id": 7, "file_name": "a.jpg", "group": "g"}],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40]},
            {"image_id": 7, "category_id": 4, "bbox": [0, 0, 5, 5]},
            {"image_id": 7, "category_id": 1, "bbox": [0, 0, 5, 5], "ignore": 1},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    (sample,) = read_samples(tmp_path)
    assert (sample.file, sample.box) == (tmp_path / "images" / "a.jpg", BoundingBox(10, 20, 40, 60))
    bare = read_samples(tmp_path, {"face": Label.WITHOUT_MASK})[1]
    assert (bare.label, bare.box) == (Label.WITHOUT_MASK, BoundingBox(0, 0, 5, 5))
    (tmp_path / "annotations.json").write_text('{"images": 3}')
    with pytest.raises(DataError, match="not COCO annotations"):
        read_samples(tmp_path)


def test_unreadable_pictures_are_named_and_left_out(tmp_path):
    folder = make_folder(tmp_path / "faces", {"with_mask": 2, "without_mask": 2})
    (folder / "with_mask" / "0.png").write_bytes(b"")
    samples, hashes, unreadable = check_pictures(read_samples(folder))
    assert (len(samples), len(hashes)) == (3, 3)
    assert len(unreadable) == 1
    assert "0.png: the file is empty" in unreadable[0]


# --- splitting


def test_a_group_never_crosses_the_split():
    samples = make_samples()
    parts = split_groups(samples, test=0.25, val=0.15, seed=0)
    assert set(parts) == {sample.group for sample in samples}
    held = {part: {g for g, own in parts.items() if own == part} for part in ("train", "val", "test")}
    assert all(held.values())
    assert len(held["train"]) > len(held["test"]) >= len(held["val"])


def test_the_split_depends_on_the_seed_alone():
    samples = make_samples()
    assert split_groups(samples, test=0.25, val=0.15, seed=3) == split_groups(
        samples, test=0.25, val=0.15, seed=3
    )
    assert split_groups(samples, test=0.25, val=0.15, seed=3) != split_groups(
        samples, test=0.25, val=0.15, seed=4
    )


def test_held_out_sources_are_the_only_ones_held_out():
    samples = make_samples()
    parts = split_groups(samples, test=0.25, val=0.15, seed=0, sources=["source1"])
    assert all(parts[sample.group] == "train" for sample in samples if sample.source == "source0")
    assert {"val", "test"} <= set(parts.values())
    with pytest.raises(DataError, match="no sample comes from moon"):
        split_groups(samples, test=0.25, val=0.15, seed=0, sources=["moon"])


def test_a_split_can_be_read_back(tmp_path):
    parts = {"a": "train", "b, with comma": "test", "c": "val"}
    write_split(tmp_path / "split.csv", parts)
    assert read_split(tmp_path / "split.csv") == {"b, with comma": "test", "c": "val"}
    with pytest.raises(DataError, match="not a split file"):
        read_split(tmp_path / "nothing.csv")


def test_near_duplicates_are_found_across_size_and_compression():
    import cv2

    picture, other = noise(1, 96, 96), noise(2, 96, 96)
    small = cv2.resize(picture, (60, 60), interpolation=cv2.INTER_AREA)
    squeezed = cv2.imdecode(
        cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 40))[1], cv2.IMREAD_COLOR
    )
    hashes = np.array([difference_hash(p) for p in (small, squeezed, other)], np.uint64)
    assert near_duplicates(hashes, hashes[:0]).tolist() == [False] * 3
    assert near_duplicates(hashes, np.array([difference_hash(picture)], np.uint64)).tolist() == [
        True,
        True,
        False,
    ]


def test_source_limits_draw_anew_each_time():
    samples = [Sample(None, LABELS[0], "big", f"g{i}") for i in range(50)] + [
        Sample(None, LABELS[1], "small", "h")
    ]  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    first, second = (limit_sources(samples, {"big": 10}, rng) for _ in range(2))
    assert [sum(sample.source == "big" for sample in drawn) for drawn in (first, second)] == [10, 10]
    assert {sample.group for sample in first} != {sample.group for sample in second}
    assert sum(sample.source == "small" for sample in first) == 1


def test_excluded_pictures(tmp_path):
    (tmp_path / "mistakes.csv").write_text("file,label\n/elsewhere/with_mask/a.jpg,with_mask\n")
    excluded = read_excluded(tmp_path / "mistakes.csv")
    assert is_excluded(Sample(tmp_path / "with_mask" / "a.jpg", LABELS[0], "s", "g"), excluded)
    assert not is_excluded(Sample(tmp_path / "without_mask" / "a.jpg", LABELS[0], "s", "g"), excluded)


# --- drawn masks


def test_a_drawn_mask_covers_the_mouth_and_leaves_the_eyes():
    face = np.full((140, 120, 3), (200, 160, 140), np.uint8)
    masked = draw_mask(face, LANDMARKS, MaskStyle(colour=(20, 40, 200), shading=0.0, folds=0))
    changed = np.abs(masked.astype(int) - face).max(axis=2) > 40
    assert changed[84, 60]
    assert changed[62, 60]
    assert not changed[40, 40]
    assert not changed[40, 80]
    assert not changed[5].any()
    low = draw_mask(face, LANDMARKS, MaskStyle(colour=(20, 40, 200), top=0.86, shading=0.0, folds=0))
    changed = np.abs(low.astype(int) - face).max(axis=2) > 40
    assert changed[95, 60]
    assert not changed[62, 60], "the nose is to stay bare"
    assert np.all(face == (200, 160, 140)), "the picture that came in is not drawn upon"


@pytest.mark.parametrize(
    "landmarks", [((0, 0),) * 5, ((-50, -50), (300, -50), (100, 10), (-50, 400), (300, 400))]
)
def test_drawing_survives_absurd_landmarks(landmarks):
    assert draw_mask(np.zeros((40, 40, 3), np.uint8), landmarks, MaskStyle()).shape == (40, 40, 3)


# --- figures


def test_figures_of_a_known_confusion():
    truth = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 1, 2, 0])
    figures = classification_metrics(truth, np.eye(3)[predicted] * 0.9 + 0.1 / 3, LABELS)
    assert figures["balanced_accuracy"] == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert figures["accuracy"] == 0.75
    assert figures["confusion"]["rows_true_columns_predicted"] == [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert figures["per_class"]["incorrect_mask"]["f1"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx(np.mean([0.75, 0.8, 2 / 3]))
    assert {"balanced_accuracy", "macro_f1", "accuracy", "per_class", "confusion", "auc", "ece", "n"} <= set(
        figures
    )
    json.dumps(figures)
    assert "macro_f1" in text_report(figures)


def test_two_class_data_ask_a_three_class_model_with_or_without():
    scores = np.array([[0.3, 0.1, 0.6], [0.1, 0.8, 0.1]])
    figures = classification_metrics(np.array([0, 1]), scores, LABELS)
    assert figures["balanced_accuracy"] == 1.0
    pair = with_without(np.array([0, 1]), scores, LABELS)
    assert pair == {"balanced_accuracy": 1.0, "strict": 0.5, "n": 2}


def test_a_single_class_has_no_auc_but_figures():
    figures = classification_metrics(np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]), LABELS[:2])
    assert figures["auc"] is None
    assert figures["with_without"] is None


def test_calibration_error_is_the_gap():
    confidence = np.full(100, 0.8)
    assert expected_calibration_error(np.arange(100) < 80, confidence) == pytest.approx(0.0)
    assert expected_calibration_error(np.arange(100) < 50, confidence) == pytest.approx(0.3)
