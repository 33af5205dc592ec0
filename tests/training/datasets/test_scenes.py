"""Scenes for the detector: reading, box conventions, the teacher's word, and what is held out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("tqdm")

from edge.errors import DataError
from edge.inference.anchors import pairwise_iou
from edge.pictures.files import write_picture
from edge.types import Label
from training.datasets.conventions import YUNET_TO_OURS, fit_convention, move_edges
from training.datasets.samples import Sample
from training.datasets.scenes import load_pictures, make_scene, read_backgrounds, read_scenes, scene_of_face
from training.datasets.splits import hold_out, write_split
from training.datasets.teacher import open_teacher, teach_scene

GREY = np.full((40, 60, 3), 128, np.uint8)


def coco(folder: Path, notes: list, images: list | None = None) -> Path:
    images = images or [
        {"id": 1, "file_name": "a.png", "source": "s", "group": "s:a"},
        {"id": 2, "file_name": "b.png"},
    ]
    categories = [{"id": 1, "name": "with_mask"}, {"id": 4, "name": "face"}]
    (folder / "images").mkdir(parents=True)
    (folder / "annotations.json").write_text(
        json.dumps({"images": images, "annotations": notes, "categories": categories})
    )
    return folder


def scene(boxes: list, labels: list, source: str = "s", group: str = "s:a"):
    return make_scene(
        Path("a.png"), source, group, np.array(boxes, np.float32), labels, np.zeros(len(boxes), bool)
    )


def answer(*faces: tuple) -> np.ndarray:
    """A teacher's answer: rows of x, y, width, height, score, with landmarks in the face's middle."""
    rows = [[x, y, w, h, *([x + w / 2, y + h / 2] * 5), score] for x, y, w, h, score in faces]
    return np.array(rows, np.float32).reshape(-1, 15)


def test_scenes_keep_boxes_labels_and_ignored_and_pictures_without_faces(tmp_path: Path) -> None:
    notes = [
        {"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]},
        {"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4], "ignore": 1},
    ]
    first, second = read_scenes(coco(tmp_path / "d", notes))
    np.testing.assert_array_equal(first.boxes, [[10, 20, 40, 60], [1, 2, 4, 6]])
    assert first.labels == ("with_mask", "face") and first.ignored.tolist() == [False, True]
    assert (first.source, first.group) == ("s", "s:a") and (second.source, second.group) == ("d", "d:b.png")
    assert second.boxes.shape == (0, 4) and first.file == tmp_path / "d" / "images" / "a.png"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"images": [], "categories": []}',
        '{"images": [{"id": 1}], "annotations": [], "categories": []}',
    ],
)
def test_bad_annotations_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DataError, match=r"annotations\.json"):
        read_scenes(tmp_path)


def test_missing_folders_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_scenes(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no pictures"):
        read_backgrounds(tmp_path)
    with pytest.raises(DataError, match="--teacher"):
        open_teacher(tmp_path / "yunet.onnx")


def test_backgrounds_have_no_faces_and_unreadable_pictures_are_told(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", GREY)
    (tmp_path / "b.png").write_bytes(b"no picture")
    loaded, unreadable = load_pictures(read_backgrounds(tmp_path))
    assert [item[0].source for item in loaded] == ["background"] and len(loaded[0][0].boxes) == 0
    assert len(unreadable) == 1 and "b.png" in unreadable[0]


def test_edges_move_by_parts_of_the_boxs_size() -> None:
    np.testing.assert_allclose(
        move_edges(np.array([[10, 20, 30, 60]], np.float32), (0.1, -0.25, 0.0, 0.5)), [[12, 10, 30, 80]]
    )


def test_heads_shrink_to_faces_and_our_own_convention_stays() -> None:
    head = scene([[0, 0, 100, 100]], ["with_mask"], source="roboflow_maskwearing149")
    box = fit_convention(head).boxes[0]
    assert box[0] > 10 and box[1] > 25 and box[2] < 90 and box[3] < 100
    own = scene([[0, 0, 100, 100]], ["with_mask"], source="ilc2021")
    assert fit_convention(own) is own


def test_teacher_adds_what_it_is_sure_of_and_ignores_what_it_is_not() -> None:
    labelled = scene([[100, 100, 150, 160]], ["with_mask"])
    result = teach_scene(
        labelled,
        answer(
            (102, 98, 48, 62, 0.9), (300, 100, 50, 60, 0.9), (400, 100, 50, 60, 0.5), (500, 100, 50, 60, 0.2)
        ),
        True,
    )
    assert result.labels == ("with_mask", "face", "face") and result.ignored.tolist() == [False, False, True]
    np.testing.assert_array_equal(result.boxes[0], labelled.boxes[0])
    np.testing.assert_allclose(
        result.boxes[1], move_edges(np.array([[300, 100, 350, 160]], np.float32), YUNET_TO_OURS)[0]
    )


def test_teachers_landmarks_make_a_bare_face_ready_for_a_mask() -> None:
    labelled = scene([[100, 100, 150, 160], [300, 100, 350, 160]], ["without_mask", "with_mask"])
    assert not labelled.bare.any()
    result = teach_scene(labelled, answer((100, 95, 50, 65, 0.9), (300, 95, 50, 65, 0.9)), True)
    assert result.bare.tolist() == [True, False]


def test_a_silent_teacher_changes_nothing() -> None:
    labelled = scene([[100, 100, 150, 160]], ["with_mask"])
    np.testing.assert_array_equal(teach_scene(labelled, answer(), True).boxes, labelled.boxes)
    assert teach_scene(scene([], []), answer(), True).boxes.shape == (0, 4)


@pytest.mark.parametrize("face", [(12, 14, 36, 44, 0.9), (60, 60, 20, 24, 0.9)])
def test_a_cut_outs_box_goes_where_the_teacher_sees_the_face(face: tuple) -> None:
    guess = scene([[10, 10, 50, 60]], ["with_mask"])
    result = teach_scene(guess, answer(face), False)
    expected = np.array([[face[0], face[1], face[0] + face[2], face[1] + face[3]]], np.float32)
    assert len(result.boxes) == 1 and result.labels == ("with_mask",)
    assert pairwise_iou(result.boxes, expected)[0, 0] > 0.8


def test_a_cut_out_is_a_scene_with_its_landmarks() -> None:
    sample = Sample(Path("a.png"), Label.WITHOUT_MASK, "s", "g", None, tuple(float(i) for i in range(10)))
    result = scene_of_face(sample, GREY)
    assert result.bare.tolist() == [True] and 0 < result.boxes[0, 0] < 10 and 50 < result.boxes[0, 2] < 60


def test_held_out_groups_come_from_the_split_file_or_a_seeded_draw(tmp_path: Path) -> None:
    listed = [scene([], [], "known", f"known:{i}") for i in range(10)] + [
        scene([], [], "new", f"new:{i}") for i in range(40)
    ]
    listed += [scene([], [], "roboflow_maskwearing149", f"r:{i}") for i in range(10)]
    write_split(tmp_path / "split.csv", {"known:3": "test", "known:4": "val"})
    parts = hold_out(listed, tmp_path / "split.csv", 0.25, 0)
    assert [group for group, part in parts.items() if part == "test" and group.startswith("known")] == [
        "known:3"
    ]
    counts = {
        part: sum(value == part and group.startswith("new") for group, value in parts.items())
        for part in ("test", "val")
    }
    assert counts == {"test": 10, "val": 3}
    assert {part for group, part in parts.items() if group.startswith("r:")} == {"train"}
    assert (
        parts
        == hold_out(listed, tmp_path / "split.csv", 0.25, 0)
        != hold_out(listed, tmp_path / "split.csv", 0.25, 1)
    )


def test_make_scene_takes_no_boxes() -> None:
    empty = scene([], [])
    assert empty.bare.shape == (0,) and replace(empty, source="t").landmarks.shape == (0, 5, 2)
