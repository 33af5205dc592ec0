"""The one wrapper around YuNet, on a fake network: what the network sees, and how its answers come back."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("sklearn")
pytest.importorskip("tqdm")

from edge.errors import DataError
from edge.types import BoundingBox, Label
from training.datasets import face_crops, teacher, yunet
from training.datasets.face_crops import find_landmarks, pack_faces
from training.datasets.samples import Sample, read_samples
from training.datasets.teacher import open_teacher, teacher_scale
from training.datasets.yunet import YuNet, open_yunet


class FakeNetwork:
    """Finds the white rectangle of a black picture, if there is one."""

    def __init__(self, score: float = 0.9) -> None:
        self.score = score
        self.size = (0, 0)
        self.picture = np.empty((0, 0, 3), np.uint8)

    def setInputSize(self, size):
        self.size = size

    def detect(self, picture):
        self.picture = picture
        ys, xs = np.nonzero(picture.min(axis=2) > 128)
        if not len(ys):
            return 0, None
        x, y, width, height = xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()
        marks = [x + width / 4, y + height / 4] * 2 + [x + width / 2, y + height / 2] * 3
        return 1, np.array([[x, y, width, height, *marks, self.score]], np.float32)


def white_face(box=(40, 30, 80, 90), width=160, height=120) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 255
    return pixels


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("margin", [0, 32, 40])
def test_faces_come_back_in_pixels_of_the_picture(scale, margin):
    found = YuNet(FakeNetwork(), margin).find(white_face(), scale)
    assert found.shape == (1, 15) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, :4], [40, 30, 40, 60], atol=1.5)
    np.testing.assert_allclose(found[0, 4:8], [50, 45, 50, 45], atol=1.5)
    assert found[0, 14] == pytest.approx(0.9)


def test_the_network_sees_bgr_with_a_border_of_the_nearest_pixels():
    network = FakeNetwork()
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[..., 0] = 200
    YuNet(network, 10).find(pixels)
    assert network.size == (100, 80) and network.picture.shape == (80, 100, 3)
    assert (network.picture == (0, 0, 200)).all()


def test_no_face_is_an_empty_answer():
    assert YuNet(FakeNetwork(), 8).find(np.zeros((20, 20, 3), np.uint8)).shape == (0, 15)


def test_tiny_pictures_are_not_shrunk_to_nothing():
    network = FakeNetwork()
    YuNet(network, 0).find(np.zeros((10, 400, 3), np.uint8), 0.1)
    assert network.size == (40, 8)


@pytest.mark.parametrize("flag", ["--teacher", "--landmarks"])
def test_a_missing_file_is_one_line_that_names_the_flag(tmp_path, flag):
    with pytest.raises(DataError, match="no such file") as caught:
        open_yunet(tmp_path / "yunet.onnx", flag, min_score=0.5, margin=8)
    assert "model zoo" in caught.value.cure and f"leave {flag} out" in caught.value.cure


def test_both_uses_open_the_same_wrapper(tmp_path, monkeypatch):
    opened = []

    def fake_open(model: Path, flag: str, **settings: float) -> YuNet:
        opened.append((flag, settings))
        return YuNet(FakeNetwork(), int(settings["margin"]))

    monkeypatch.setattr(teacher, "open_yunet", fake_open)
    monkeypatch.setattr(face_crops, "open_yunet", fake_open)
    taught = open_teacher(tmp_path)(white_face())
    marks = face_crops.open_landmark_finder(tmp_path)(white_face(), BoundingBox(40, 30, 80, 90))
    assert [flag for flag, _ in opened] == ["--teacher", "--landmarks"]
    np.testing.assert_allclose(taught[0, 4:14].reshape(5, 2), marks, atol=1.5)
    assert yunet.open_yunet is not fake_open


@pytest.mark.parametrize(
    ("size", "scale"), [((480, 640), 1.0), ((321, 100), 1.0), ((320, 160), 0.5), ((100, 90), 1.0)]
)
def test_a_teacher_sees_scenes_as_they_are_and_cut_outs_small(size, scale):
    assert teacher_scale(*size) == scale


def test_landmarks_are_those_of_the_face_in_the_box():
    finder = YuNet(FakeNetwork(), 40)
    marks = find_landmarks(finder, white_face(), BoundingBox(38, 28, 82, 92))
    assert marks is not None and marks.shape == (5, 2)
    np.testing.assert_allclose(marks[0], [50, 45], atol=1.5)
    assert find_landmarks(finder, white_face(), BoundingBox(100, 30, 140, 90)) is None
    assert find_landmarks(finder, np.zeros((50, 50, 3), np.uint8), BoundingBox(5, 5, 45, 45)) is None


def test_packed_faces_carry_box_and_landmarks(tmp_path):
    from edge.pictures.files import write_picture

    write_picture(tmp_path / "scene.png", white_face())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    box = BoundingBox(40, 30, 80, 90)
    samples = [
        Sample(tmp_path / "scene.png", Label.WITHOUT_MASK, "s", "g", box),
        Sample(tmp_path / "scene.png", Label.WITHOUT_MASK, "s", "g", BoundingBox(0, 0, 10, 10)),
        Sample(tmp_path / "broken.png", Label.WITH_MASK, "s", "h", box),
    ]
    finder = YuNet(FakeNetwork(), 40)
    out = tmp_path / "out"
    unreadable = pack_faces(samples, out, lambda *face: find_landmarks(finder, *face), min_face=16)
    assert len(unreadable) == 1 and "broken.png" in unreadable[0]
    (packed,) = read_samples(out)
    assert (packed.label, packed.source, packed.group) == (Label.WITHOUT_MASK, "s", "g")
    assert packed.box is not None and packed.landmarks is not None
    assert (packed.box.width, packed.box.height) == (pytest.approx(40), pytest.approx(60))
    assert packed.landmarks[0] == pytest.approx(packed.box.xmin + 10, abs=1.5)
