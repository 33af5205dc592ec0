"""Reading labelled faces, in each of the forms of a folder."""

import csv
import json

import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from edge.errors import DataError
from edge.pictures.files import write_picture
from edge.types import BoundingBox, Label
from tests.training.builders import make_folder, noise
from training.datasets.duplicates import check_pictures
from training.datasets.samples import present_labels, read_samples


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


@pytest.mark.parametrize("grouped", [False, True])
def test_single_groups_are_told(tmp_path, capsys, grouped):
    from training.classifier.parts import SINGLE_GROUPS, load_parts
    from training.train import build_parser

    for i in range(20):
        write_picture(tmp_path / f"{i}.png", noise(i))
    labels, size = ("with_mask", "without_mask"), 2 if grouped else 1
    rows = [f"{i}.png,{labels[i // size % 2]},g{i // size}" for i in range(20)]
    (tmp_path / "manifest.csv").write_text("\n".join(["file,label,group", *rows]))
    load_parts(build_parser().parse_args(["--data", str(tmp_path), "--out", "x", "--seed", "1"]))
    assert (SINGLE_GROUPS in capsys.readouterr().err) is not grouped
