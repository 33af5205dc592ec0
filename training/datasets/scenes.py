"""Scenes with face boxes: reading them, fitting box conventions, asking a teacher about unlabelled faces, and holding groups out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.inference.anchors import Floats, pairwise_iou
from edge.optional import import_cv2
from edge.pictures.files import find_pictures, read_picture
from edge.preprocess import resize
from edge.types import Label, Pixels
from training.datasets.samples import Sample, read_split

Flags = npt.NDArray[np.bool_]

BOX_CONVENTION = (
    "full face: from the upper half of the forehead to the chin, cheek to cheek, ears and hair left out"
)

YUNET_TO_OURS = (0.01, 0.095, -0.01, 0.03)
"""YuNet's and WIDER's boxes start at the hairline. How far to move xmin, ymin, xmax, ymax, in parts of the box's width and height."""

CONVENTIONS: Mapping[str, tuple[float, float, float, float]] = {
    "andrewmvd853": (0.0, -0.09, 0.0, -0.055),  # from the eyebrows to below the chin
    "roboflow_maskwearing149": (0.18, 0.317, -0.135, -0.04),  # whole heads with their hair
    "widerface_val200": YUNET_TO_OURS,
}
"""Per source, what turns its boxes into ours. Medians over the faces that YuNet finds, with ilc2021's boxes as the yardstick."""

TEACHER_SURE, TEACHER_MAYBE = 0.75, 0.45
"""A face that only the teacher sees is a face from the first score on, and neither face nor background from the second on."""

EMPTY = np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and its faces.

    boxes: float32 (N, 4), (xmin, ymin, xmax, ymax) px of the file. labels: N category names. ignored: bool (N,), too small to be judged.
    landmarks: float32 (N, 5, 2) px, NaN where unknown; eye, eye, nose, mouth corner, mouth corner.
    """

    file: Path
    source: str
    group: str
    boxes: Floats
    labels: tuple[str, ...]
    ignored: Flags
    landmarks: Floats

    @property
    def bare(self) -> Flags:
        """bool (N,): faces that a mask can be drawn on."""
        return np.array([label == Label.WITHOUT_MASK for label in self.labels], bool) & np.isfinite(
            self.landmarks
        ).all(axis=(1, 2))


def make_scene(
    file: Path, source: str, group: str, boxes: Floats, labels: Sequence[str], ignored: Flags
) -> Scene:
    """A scene without landmarks."""
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    return Scene(
        file,
        source,
        group,
        corners,
        tuple(labels),
        np.asarray(ignored, bool),
        np.full((len(corners), 5, 2), np.nan, np.float32),
    )


def read_scenes(folder: Path | str) -> list[Scene]:
    """All pictures of a COCO folder (`annotations.json` and `images/`), those without a face included.

    `"ignore": 1` and `"iscrowd": 1` mark faces that count neither way. Raises DataError.
    """
    path = Path(folder) / "annotations.json"
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        names = {category["id"]: str(category["name"]) for category in coco["categories"]}
        notes: dict[int, list[tuple[list[float], str, bool]]] = {image["id"]: [] for image in coco["images"]}
        for note in coco["annotations"]:
            x, y, width, height = note["bbox"]
            skip = bool(note.get("ignore") or note.get("iscrowd"))
            notes[note["image_id"]].append(([x, y, x + width, y + height], names[note["category_id"]], skip))
        return [_coco_scene(path.parent, image, notes[image["id"]]) for image in coco["images"]]
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); give a folder with annotations.json (COCO) and images/"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not COCO annotations ({error!r}); it needs images, annotations with bbox, and categories"
        ) from error


def _coco_scene(
    folder: Path, image: Mapping[str, str], notes: Sequence[tuple[list[float], str, bool]]
) -> Scene:
    name = image["file_name"]
    boxes = np.array([box for box, _, _ in notes], np.float32).reshape(-1, 4)
    group = image.get("group") or f"{folder.name}:{name}"
    labels, ignored = [label for _, label, _ in notes], np.array([skip for _, _, skip in notes], bool)
    return make_scene(
        folder / "images" / name, image.get("source") or folder.name, group, boxes, labels, ignored
    )


def read_backgrounds(folder: Path | str) -> list[Scene]:
    """All pictures of a folder as scenes without a face. Raises DataError where there are none."""
    files = find_pictures(Path(folder))
    if not files:
        raise DataError(f"{folder}: no pictures; give a folder of pictures without people")
    return [
        make_scene(file, "background", f"background:{file.name}", EMPTY, (), np.empty(0, bool))
        for file in files
    ]


def scene_of_face(sample: Sample, pixels: Pixels) -> Scene:
    """A cut-out face as a small scene of its own."""
    box = sample.face_box(pixels)
    corners = np.array([[box.xmin, box.ymin, box.xmax, box.ymax]], np.float32)
    scene = make_scene(
        sample.file, sample.source, sample.group, corners, [sample.label.value], np.zeros(1, bool)
    )
    marks = (
        scene.landmarks
        if sample.landmarks is None
        else np.array(sample.landmarks, np.float32).reshape(1, 5, 2)
    )
    return replace(scene, landmarks=marks)


def move_edges(boxes: Floats, parts: Sequence[float]) -> Floats:
    """Boxes (N, 4) with each edge moved by a part of the box's own width or height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(
        boxes + np.concatenate([size, size], axis=1) * np.asarray(parts, np.float32), np.float32
    )


def fit_convention(scene: Scene) -> Scene:
    """The scene with its boxes in our convention: for training alone, figures are taken on boxes as they were drawn."""
    parts = CONVENTIONS.get(scene.source)
    return scene if parts is None else replace(scene, boxes=move_edges(scene.boxes, parts))


Finder = Callable[[Pixels], Floats]
"""A teacher: uint8 (H, W, 3) RGB to float32 (N, 15): x, y, width, height, five landmarks, score, as YuNet gives them, in px."""


class Teacher:
    """OpenCV's YuNet (Wu et al. 2023) at a picture's own size. Raises DataError where its file is missing."""

    def __init__(self, model: Path) -> None:
        self._cv2 = import_cv2()
        if not model.is_file():
            raise DataError(
                f"{model}: no such file; get face_detection_yunet from OpenCV's model zoo, or leave --teacher out"
            )
        self._net = self._cv2.FaceDetectorYN.create(str(model), "", (320, 320), TEACHER_MAYBE, 0.3, 5000)

    def __call__(self, pixels: Pixels) -> Floats:
        """Pads the picture, so that faces which fill it are found, and shrinks cut-outs to the size of face that YuNet knows best."""
        height, width = pixels.shape[:2]
        scale = 1.0 if max(height, width) > 320 else min(1.0, 160 / max(height, width))
        small = resize(pixels, max(8, round(width * scale)), max(8, round(height * scale)))
        pad = 32
        framed = self._cv2.copyMakeBorder(small[..., ::-1], pad, pad, pad, pad, self._cv2.BORDER_REPLICATE)
        self._net.setInputSize((framed.shape[1], framed.shape[0]))
        _, faces = self._net.detect(framed)
        found = np.empty((0, 15), np.float32) if faces is None else faces.astype(np.float32)
        shift = np.array([pad, pad, 0, 0] + [pad] * 10 + [0], np.float32)
        return np.asarray((found - shift) / np.array([scale] * 14 + [1], np.float32), np.float32)


def taught(scene: Scene, found: Floats, whole: bool) -> Scene:
    """What a teacher's answer makes of a scene in our convention.

    Faces that nobody labelled are added, or ignored where the teacher is not sure; labelled faces get its landmarks. whole: False for a
    cut-out, whose box is a guess from its margin: the teacher's box takes its place, also where it finds the face elsewhere in the cut-out.
    """
    boxes = move_edges(np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1), YUNET_TO_OURS)
    scores, marks = found[:, 14], found[:, 4:14].reshape(-1, 5, 2)
    if not whole and np.any(scores >= TEACHER_MAYBE):
        scene = _place_face(scene, boxes, scores)
    overlap = (
        pairwise_iou(boxes, scene.boxes)
        if len(scene.boxes) and len(boxes)
        else np.zeros((len(boxes), 1), np.float32)
    )
    landmarks = scene.landmarks.copy()
    for face in np.flatnonzero(overlap.max(axis=1, initial=0) > 0.45):
        landmarks[overlap[face].argmax()] = marks[face]
    new = np.flatnonzero((overlap.max(axis=1, initial=0) < 0.2) & (scores >= TEACHER_MAYBE))
    return replace(
        scene,
        boxes=np.concatenate([scene.boxes, boxes[new]]),
        labels=scene.labels + ("face",) * len(new),
        ignored=np.concatenate([scene.ignored, scores[new] < TEACHER_SURE]),
        landmarks=np.concatenate([landmarks, marks[new]]),
    )


def _place_face(scene: Scene, boxes: Floats, scores: Floats) -> Scene:
    """A cut-out's one box, put where the teacher sees a face: the one that overlaps most, else the surest."""
    overlap = pairwise_iou(boxes, scene.boxes)[:, 0]
    best = overlap.argmax() if overlap.max() > 0.3 else scores.argmax()
    return replace(scene, boxes=boxes[best][None])


def load_pictures(scenes: Iterable[Scene]) -> tuple[list[tuple[Scene, Pixels]], list[str]]:
    """Decode all pictures once, with a progress bar. Returns scenes with their pixels, and one line for each unreadable file."""
    good, unreadable = [], []
    for scene in tqdm(list(scenes), desc="reading pictures", unit="picture", mininterval=1):
        try:
            good.append((scene, read_picture(scene.file)))
        except PictureError as error:
            unreadable.append(str(error))
    return good, unreadable


def hold_out(scenes: Sequence[Scene], split: Path | None, fraction: float, seed: int) -> dict[str, str]:
    """Which part each group belongs to: `train`, `val` or `test`.

    split: a file of `training.datasets.samples.write_split`; it decides for the sources that it names. Of each other source `fraction` of the groups
    becomes the test part, and a third as many the val part. Heads (roboflow) are training data alone: no figure should depend on their hair.
    """
    known = read_split(split) if split else {}
    decided = {scene.source for scene in scenes if scene.group in known} | {"roboflow_maskwearing149"}
    parts = {scene.group: known.get(scene.group, "train") for scene in scenes}
    for source in sorted({scene.source for scene in scenes} - decided):
        groups = sorted({scene.group for scene in scenes if scene.source == source})
        order = np.random.default_rng(seed).permutation(len(groups))
        test, val = round(len(groups) * fraction), round(len(groups) * fraction / 3)
        parts |= {groups[i]: "test" for i in order[:test]} | {
            groups[i]: "val" for i in order[test : test + val]
        }
    return parts
