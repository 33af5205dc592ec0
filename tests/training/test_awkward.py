"""Awkward data sets with the right answer beside each: how many faces are read, or which error is raised.

All are made here, as files that spreadsheets, annotation tools and damaged disks leave. None may end in an
error of another class, and what is left out is counted on stderr.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed: these tests were NOT run")

from edge.errors import DataError
from edge.pictures.files import write_picture
from tests.training.builders import make_folder, noise
from training import prepare
from training.datasets.samples import read_samples
from training.datasets.scenes import load_pictures, read_scenes
from training.datasets.splits import read_excluded, read_split

HEAD = "file,label,source,group,xmin,ymin,xmax,ymax\n"
ROW = "a.png,with_mask,s,g,8,8,40,40\n"
GOOD = HEAD + ROW


def box(*numbers: str) -> str:
    return f"a.png,with_mask,s,g,{','.join(numbers)}\n"


MANIFESTS = {
    # name: (content, faces or None for an error, words of the error or of stderr)
    "plain": (GOOD, 1, ""),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), 1, ""),
    "semicolons": (GOOD.replace(",", ";"), 1, ""),
    "semicolons and decimal commas": (GOOD.replace(",", ";").replace("40;40", "40,5;40,5"), 1, ""),
    "tabs in UTF-16, as Excel's Unicode text": (GOOD.replace(",", "\t").encode("utf-16"), 1, ""),
    "big-endian UTF-16": (b"\xfe\xff" + GOOD.encode("utf-16-be"), 1, ""),
    "blanks behind commas": (GOOD.replace(",", ", "), 1, ""),
    "Windows line ends and an empty last line": (GOOD.replace("\n", "\r\n") + "\r\n", 1, ""),
    "a quoted header in capitals": (GOOD.replace("file,label", '"File","Label"'), 1, ""),
    "Kaggle's label": (GOOD.replace("with_mask", "WithMask"), 1, ""),
    "no box": (HEAD + "a.png,with_mask,,,,,,\n", 1, ""),
    "a row without its last cells": (HEAD + "a.png,with_mask\n", 1, ""),
    "Latin-1": (GOOD + "caf\u00e9.png,with_mask,,,,,,\n".encode("latin-1").decode("latin-1"), 2, ""),
    "Latin-1 bytes": (
        GOOD.encode() + b"caf\xe9.png,with_mask,,,,,,\n",
        None,
        "line 3: the text is not UTF-8",
    ),
    "half of a UTF-16 letter": (GOOD.encode("utf-16") + b"x", None, "not UTF-16"),
    "a NUL byte": (GOOD + "a\0.png,with_mask\n", None, "line 3: holds a NUL byte"),
    "UTF-16 without its mark": (GOOD.encode("utf-16-le"), None, "NUL byte"),
    "empty": ("", None, "the file is empty"),
    "header alone": (HEAD, None, "no sample is left"),
    "no label column": ("file,class\na.png,with_mask\n", None, "no column label; it has 'file', 'class'"),
    "a column twice": ("file,label,label\na.png,with_mask,x\n", None, "the column 'label' is there twice"),
    "an unknown label": (GOOD + "b.png,with_hat\n", None, "line 3: unknown label 'with_hat'"),
    "the label unknown": (HEAD + "a.png,unknown\n", None, "line 2: unknown label 'unknown'"),
    "an empty label": (GOOD + "b.png,,s,g,1,1,9,9\n", None, "line 3: the column label is empty"),
    "an empty file": (GOOD + ",with_mask,s,g,1,1,9,9\n", None, "line 3: the column file is empty"),
    "a cell too many": (HEAD + "a.png,with_mask,s,g,8,8,40,40,7\n", None, "line 2: 9 cells"),
    "a quote that never ends": (GOOD + '"a.png,with_mask\nb.png\n', None, "line 3: cannot be read as CSV"),
    "text behind a quote": (HEAD + '"a.png"x,with_mask\n', None, "line 2: cannot be read as CSV"),
    "a field of 200,000 letters": (GOOD + "x" * 200_000 + ",with_mask\n", None, "line 3: cannot be read"),
    "a name of 5,000 letters": (HEAD + "x" * 5000 + ",with_mask\n", None, "line 2: 'xxx"),
    "a box of words": (HEAD + box("left", "8", "40", "40"), None, "line 2: xmin is 'left', not a number"),
    "half a box": (HEAD + box("8", "", "40", "40"), None, "line 2: the column ymin is empty"),
    "a box without xmin": (HEAD + box("", "8", "40", "40"), None, "line 2: the column xmin is empty"),
    "nan": (GOOD + box("nan", "8", "40", "40"), 1, "1 boxes with a coordinate that is no number"),
    "infinite": (GOOD + box("8", "8", "inf", "40"), 1, "1 boxes with a coordinate that is no number"),
    "1e300": (GOOD + box("8", "8", "1e300", "40"), 1, "1 boxes outside their picture (the first:"),
    "swapped": (GOOD + box("40", "40", "8", "8"), 1, "1 boxes without area"),
    "empty box": (GOOD + box("8", "8", "8", "40"), 1, "1 boxes without area"),
    "negative box": (GOOD + box("-9", "-9", "-1", "-1"), 1, "1 boxes outside their picture"),
    "shares": (GOOD + box("0.1", "0.1", "0.9", "0.9"), 1, "1 boxes smaller than 1 px"),
    "bad boxes alone": (HEAD + box("9", "9", "9", "9") * 3, None, "no sample is left: 3 boxes without area"),
    "a row twice": (GOOD + ROW, 1, "1 faces that are there twice"),
    "two labels": (GOOD + ROW.replace("with_", "without_"), None, "line 3: the same face is with_mask in "),
    "landmarks nan": (
        GOOD.replace("ymax\n", "ymax," + ",".join(f"{a}{i}" for i in range(5) for a in "xy") + "\n").replace(
            "40,40\n", "40,40," + ",".join(["nan"] * 10) + "\n"
        ),
        1,
        "1 landmarks that are no numbers",
    ),
    "an absolute path": (HEAD + "/etc/passwd,with_mask\n", None, "line 2: '/etc/passwd' leads out of"),
    "a drive": (HEAD + "C:\\a.png,with_mask\n", None, "line 2: 'C:\\\\a.png' leads out of"),
    "up and out": (HEAD + "../a.png,with_mask\n", None, "line 2: '../a.png' leads out of"),
    "up in the middle": (HEAD + "x/../../a.png,with_mask\n", None, "line 2: "),
    "up with a backslash": (HEAD + "..\\a.png,with_mask\n", None, "leads out of"),
    "the folder itself": (HEAD + ".,with_mask\n", None, "it names no picture file"),
    "a link that leads out": (HEAD + "out/a.png,with_mask\n", None, "is a link that leads out of"),
    "a circle of links": (HEAD + "circle/a.png,with_mask\n", None, "line 2: "),
    "an escape code": (HEAD + "\x1b[2J.png,with_mask\n", None, "has a control character in it"),
    "a source that leads out": (
        HEAD + "a.png,with_mask,../../x/ESCAPED,g\n",
        None,
        "line 2: the source '../../x/ESCAPED' is not a plain name",
    ),
}


def write_manifest(folder: Path, content: str | bytes) -> Path:
    folder.mkdir()
    write_picture(folder / "a.png", noise(0))
    (folder / "out").symlink_to(folder.parent)
    (folder / "circle").symlink_to("circle")
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "manifest.csv").write_bytes(data)
    return folder


@pytest.mark.parametrize(("content", "faces", "words"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifests(tmp_path, capsys, content, faces, words):
    folder = write_manifest(tmp_path / "d", content)
    if faces is None:
        with pytest.raises(DataError) as caught:
            read_samples(folder)
        assert words in caught.value.what and "manifest.csv" in caught.value.what
        assert caught.value.cure and "\n" not in str(caught.value)
    else:
        assert len(read_samples(folder)) == faces
        assert words in capsys.readouterr().err


PICTURE = {"id": 1, "file_name": "a.png", "width": 48, "height": 48}
NOTE = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [8, 8, 32, 32]}
CATEGORIES = [{"id": 1, "name": "with_mask"}, {"id": 2, "name": "no-mask"}]


def coco(*notes, images=(PICTURE,), categories=CATEGORIES, **more):
    return {"images": list(images), "annotations": [NOTE, *notes], "categories": categories} | more


def note(**changes):
    return {
        key: value for key, value in {**NOTE, "bbox": [9, 9, 30, 30], **changes}.items() if value != "gone"
    }


COCO = {
    # name: (content, faces of read_samples or None for an error, words of the error or of stderr)
    "plain": (coco(), 1, ""),
    "not JSON": ("{", None, "not JSON"),
    "empty": ("", None, "not JSON"),
    "nested deeply": ('{"images":' + "[" * 100_000, None, "nested too deeply"),
    "a number of 5,000 digits": ('{"images": ' + "9" * 5000 + "}", None, "not JSON"),
    "bytes that are no text": (b"\xff\xff\xff\x81", None, "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(coco()).encode(), 1, ""),
    "UTF-16": (json.dumps(coco()).encode("utf-16"), 1, ""),
    "a list": ([], None, "no list named images"),
    "no annotations": ({"images": [], "categories": []}, None, "no list named annotations"),
    "images is an object": (coco() | {"images": {"1": PICTURE}}, None, "no list named images"),
    "strings in bbox": (coco(note(bbox=["1", "2", "3", "4"])), 1, "1 annotations whose bbox is not four"),
    "true in bbox": (coco(note(bbox=[True, 2, 3, 4])), 1, "1 annotations whose bbox is not four numbers"),
    "three numbers": (coco(note(bbox=[1, 2, 3])), 1, "1 annotations whose bbox is not four numbers"),
    "no bbox": (coco(note(bbox="gone"), note(bbox=None)), 1, "2 annotations whose bbox is not four numbers"),
    "nan": (coco(note(bbox=[float("nan"), 2, 3, 4])), 1, "1 boxes with a coordinate that is no number"),
    "infinite": (coco(note(bbox=[1, 2, float("inf"), 4])), 1, "1 boxes with a coordinate that is no number"),
    "400 digits": (coco(note(bbox=[1, 2, 10**400, 4])), 1, "1 boxes with a coordinate that is no number"),
    "no area": (coco(note(bbox=[1, 2, 0, 4]), note(bbox=[1, 2, 3, -4])), 1, "2 boxes without area"),
    "shares": (coco(note(bbox=[0.1, 0.1, 0.5, 0.5])), 1, "1 boxes smaller than 1 px"),
    "outside": (coco(note(bbox=[500, 5, 20, 20]), note(bbox=[-30, 5, 20, 20])), 1, "2 boxes outside"),
    "twice": (coco(NOTE), 1, "1 boxes that are there twice"),
    "an annotation that is a list": (coco([1, 2]), 1, "1 annotations that are no objects"),
    "an annotation without picture": (coco(note(image_id=7)), 1, "1 annotations of a picture that is not"),
    "an id that is a list": (coco(note(image_id=[1])), 1, "1 annotations of a picture that is not listed"),
    "an unlisted category": (coco(note(category_id=9)), 1, "1 annotations of a category that is not listed"),
    "an unhashable category": (coco(note(category_id={})), 1, "1 annotations of a category that is not"),
    "another category": (coco(note(category_id=2)), 1, "1 boxes of the category 'no-mask'"),
    "ignored": (coco(note(ignore=1)), 1, "1 boxes marked ignore or iscrowd"),
    "a picture without name": (coco(images=(PICTURE, {"id": 2})), 1, "1 pictures without id or file_name"),
    "a picture that is null": (coco(images=(PICTURE, None)), 1, "1 pictures without id or file_name"),
    "an id twice": (coco(images=(PICTURE, PICTURE)), 1, "1 pictures with the id of another"),
    "a category twice": (coco(categories=[*CATEGORIES, CATEGORIES[0]]), 1, "1 categories with the id of"),
    "a category without name": (coco(categories=[*CATEGORIES, {"id": 5}]), 1, "1 categories without id or"),
    "widths that are words": (coco(images=({**PICTURE, "width": "wide", "height": None},)), 1, ""),
    "pictures alone": (coco(images=({"id": 1},)), None, "it lists no usable picture: 1 pictures without id"),
    "unknown names": (
        coco(categories=[{"id": 1, "name": "mask"}]),
        None,
        "no box is left: 1 boxes of the category 'mask'",
    ),
    "up and out": (
        coco(images=({**PICTURE, "file_name": "../../a.png"},)),
        None,
        "image 1: '../../a.png' lea",
    ),
    "absolute": (coco(images=({**PICTURE, "file_name": "/a.png"},)), None, "image 1: '/a.png' leads out of"),
    "a link out": (coco(images=({**PICTURE, "file_name": "out/a.png"},)), None, "a link that leads out of"),
    "half a letter": (coco(images=({**PICTURE, "file_name": "\ud800.png"},)), None, "cannot be a file's"),
    "300 letters": (coco(images=({**PICTURE, "file_name": "x" * 300},)), None, "cannot be a file's path"),
    "NUL in a name": (coco(images=({**PICTURE, "file_name": "a\0.png"},)), None, "has a control character"),
    "a source out": (coco(images=({**PICTURE, "source": "../../../x"},)), None, "is not a plain name"),
}


def write_coco(folder: Path, content: object) -> Path:
    (folder / "images").mkdir(parents=True)
    write_picture(folder / "images" / "a.png", noise(0))
    (folder / "images" / "out").symlink_to(folder.parent)
    data = content if isinstance(content, bytes | str) else json.dumps(content)
    (folder / "annotations.json").write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


@pytest.mark.parametrize(("content", "faces", "words"), COCO.values(), ids=COCO)
def test_coco(tmp_path, capsys, content, faces, words):
    folder = write_coco(tmp_path / "d", content)
    if faces is None:
        with pytest.raises(DataError) as caught:
            read_samples(folder)
        assert words in caught.value.what and "annotations.json" in caught.value.what
        assert caught.value.cure and "\n" not in str(caught.value)
    else:
        assert len(read_samples(folder)) == faces
        assert words in capsys.readouterr().err
        assert len(read_scenes(folder)[0].boxes) >= faces


def test_unknown_categories_are_named_with_the_command_that_says_what_they_mean(tmp_path):
    folder = write_coco(tmp_path / "d", coco(categories=[{"id": 1, "name": "face mask"}]))
    with pytest.raises(DataError) as caught:
        read_samples(folder)
    assert "python -m training.prepare --category 'face mask=LABEL'" in caught.value.cure


def test_roboflows_name_and_pictures_beside_it(tmp_path):
    folder = write_coco(tmp_path / "d", coco())
    (folder / "annotations.json").rename(folder / "_annotations.coco.json")
    (folder / "images" / "a.png").rename(folder / "a.png")
    assert read_samples(folder)[0].file == folder / "a.png"
    assert len(read_scenes(folder)) == 1


@pytest.mark.parametrize("name", ["manifest.csv", "split.csv"])
def test_a_pipe_is_no_table(tmp_path, name):
    import os

    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="it is no file"):
        read_samples(tmp_path) if name == "manifest.csv" else read_split(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"group,part\ng:1,test\ng:1,val\n", "line 3: the group 'g:1' is in two parts"),
        (b"group,part\ng:1\n", "line 2: the column part is empty"),
        (b"group,part\ncaf\xe9,test\n", "line 2: the text is not UTF-8"),
        (b'group,part\n"g:1,test\n', "line 2: cannot be read as CSV"),
        (b"group\ng:1\n", "no column part"),
    ],
)
def test_bad_split_files(tmp_path, content, words):
    (tmp_path / "split.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_split(tmp_path / "split.csv")


def test_tables_of_spreadsheets_are_split_files_and_lists_too(tmp_path):
    (tmp_path / "split.csv").write_bytes(b"\xef\xbb\xbfgroup;part\r\ng:1;test\r\n")
    assert read_split(tmp_path / "split.csv") == {"g:1": "test"}
    (tmp_path / "list.csv").write_bytes("file\tlabel\nd/a.png\tx\n".encode("utf-16"))
    assert read_excluded(tmp_path / "list.csv") == {"d/a.png"}


# --- folders


def test_other_makers_folders_are_read_and_what_is_no_label_is_counted(tmp_path, capsys):
    make_folder(
        tmp_path / "d", {"WithMask": 2, "Without Mask": 1, "mask_weared_incorrect": 1, "not_a_face": 3}
    )
    write_picture(tmp_path / "d" / "loose.png", noise(9))
    labels = [sample.label for sample in read_samples(tmp_path / "d")]
    assert labels == ["with_mask", "with_mask", "without_mask", "incorrect_mask"]
    said = capsys.readouterr().err
    assert "3 pictures in 'not_a_face', which is no label" in said and "1 pictures in no sub-folder" in said


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Train/WithMask/a.png", "give --data {}/Train"),
        ("a.xml", "convert them to COCO"),
        ("labels/a.txt", "convert them to COCO"),
        ("a.png", "sort the pictures"),
    ],
)
def test_folders_of_another_form_are_told_the_way(tmp_path, name, cure):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        read_samples(tmp_path)
    assert cure.format(tmp_path) in caught.value.cure


def test_a_name_that_is_no_utf8_can_be_split_and_read_back(tmp_path):
    from training.datasets.splits import write_split

    folder = make_folder(tmp_path / "d", {"with_mask": 1})
    odd = folder / "with_mask" / "caf\udce9.png"
    (folder / "with_mask" / "0.png").rename(odd)
    (sample,) = read_samples(folder)
    write_split(tmp_path / "split.csv", {sample.group: "test"})
    assert read_split(tmp_path / "split.csv") == {sample.group: "test"}


# --- the whole command


def run(*words: object) -> int:
    return prepare.main(prepare.build_parser().parse_args([str(word) for word in words]))


def test_prepare_leaves_out_the_box_outside_and_keeps_the_other_faces(tmp_path, capsys):
    text = HEAD + box("5000", "5000", "6000", "6000") + ROW
    folder = write_manifest(tmp_path / "d", text)
    assert run("--data", folder, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "the box 5000, 5000, 6000, 6000 lies outside the picture of 48x48 px" in said
    assert len(read_samples(tmp_path / "out")) == 1


@pytest.mark.parametrize("words", ["outside", "small"])
def test_prepare_leaves_nothing_behind_when_no_face_is_left(tmp_path, words):
    corners = ("500", "500", "600", "600") if words == "outside" else ("8", "8", "12", "12")
    folder = write_manifest(tmp_path / "d", HEAD + box(*corners))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="no sample is left of 1") as caught:
        run("--data", folder, "--out", tmp_path / "out")
    assert str(folder) in caught.value.what
    assert sorted(tmp_path.iterdir()) == before


def test_prepare_interrupted_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_: object) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "pack_faces", interrupt)
    folder = write_manifest(tmp_path / "d", GOOD)
    with pytest.raises(KeyboardInterrupt):
        run("--data", folder, "--out", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_boxes_outside_are_left_out_of_scenes_whose_size_nobody_said(tmp_path, capsys):
    picture = {"id": 1, "file_name": "a.png"}
    folder = write_coco(tmp_path / "d", coco(note(bbox=[500, 500, 20, 20]), images=(picture,)))
    ((scene, _),), unreadable = load_pictures(read_scenes(folder))
    assert (len(scene.boxes), len(scene.labels), unreadable) == (1, 1, [])
    assert "1 boxes outside their picture" in capsys.readouterr().err
