"""Scenes with face boxes: reading them, fitting box conventions, asking a teacher about unlabelled faces, and holding groups out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.inference.anchors import Floats
from edge.pictures.files import find_pictures, read_picture
from edge.types import Label, Pixels
from training.datasets.samples import Sample

Flags = npt.NDArray[np.bool_]


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


def load_pictures(scenes: Iterable[Scene]) -> tuple[list[tuple[Scene, Pixels]], list[str]]:
    """Decode all pictures once, with a progress bar. Returns scenes with their pixels, and one line for each unreadable file."""
    good, unreadable = [], []
    for scene in tqdm(list(scenes), desc="reading pictures", unit="picture", mininterval=1):
        try:
            good.append((scene, read_picture(scene.file)))
        except PictureError as error:
            unreadable.append(str(error))
    return good, unreadable
