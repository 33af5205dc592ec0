"""Scenes: whole pictures with boxes around their faces."""

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
from edge.pictures.files import read_picture
from edge.pictures.folders import find_pictures
from edge.types import Label, Pixels
from training.datasets.samples import ANNOTATIONS, IMAGES, Sample

Flags = npt.NDArray[np.bool_]

BACKGROUND = "background"
"""The source of pictures without people."""

NO_BOXES = np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and its N faces."""

    file: Path
    source: str
    """The data set that it comes from."""
    group: str
    """Who or what it shows. All scenes of a group are in the same part of a split."""
    boxes: Floats
    """float32 (N, 4): xmin, ymin, xmax, ymax in px of the file."""
    labels: tuple[str, ...]
    """N names of categories."""
    ignored: Flags
    """bool (N,): faces that count neither as faces nor as background, because they are too small to judge."""
    landmarks: Floats
    """float32 (N, 5, 2) px: eye, eye, nose, mouth corner, mouth corner; NaN where unknown."""

    @property
    def bare(self) -> Flags:
        """bool (N,): faces without a mask whose landmarks are known, so that a mask can be drawn on them."""
        unmasked = np.array([label == Label.WITHOUT_MASK for label in self.labels], bool)
        return unmasked & np.isfinite(self.landmarks).all(axis=(1, 2))


Loaded = tuple[Scene, Pixels]
"""A scene and its decoded picture, uint8 (H, W, 3) RGB."""


def make_scene(
    file: Path, source: str, group: str, boxes: Floats, labels: Sequence[str], ignored: Flags
) -> Scene:
    """A scene without landmarks."""
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    unknown = np.full((len(corners), 5, 2), np.nan, np.float32)
    return Scene(file, source, group, corners, tuple(labels), np.asarray(ignored, bool), unknown)


Annotation = tuple[list[float], str, bool]
"""Corners px, category, and whether the face is ignored."""


def read_scenes(folder: Path | str) -> list[Scene]:
    """All pictures of a folder with `annotations.json` (COCO) and `images/`, also those without a face.

    `"ignore": 1` and `"iscrowd": 1` mark faces that count neither way. Raises DataError.
    """
    path = Path(folder) / ANNOTATIONS
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
        names = {category["id"]: str(category["name"]) for category in coco["categories"]}
        notes: dict[int, list[Annotation]] = {image["id"]: [] for image in coco["images"]}
        for note in coco["annotations"]:
            x, y, width, height = note["bbox"]
            skip = bool(note.get("ignore") or note.get("iscrowd"))
            notes[note["image_id"]].append(([x, y, x + width, y + height], names[note["category_id"]], skip))
        return [_coco_scene(path.parent, image, notes[image["id"]]) for image in coco["images"]]
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror})",
            f"give a folder with {ANNOTATIONS} (COCO) and {IMAGES}/",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not COCO annotations ({error!r})",
            "it needs images, annotations with bbox, and categories",
        ) from error


def _coco_scene(folder: Path, image: Mapping[str, str], notes: Sequence[Annotation]) -> Scene:
    name = image["file_name"]
    boxes = np.array([box for box, _, _ in notes], np.float32).reshape(-1, 4)
    labels, ignored = [label for _, label, _ in notes], np.array([skip for _, _, skip in notes], bool)
    source = image.get("source") or folder.name
    group = image.get("group") or f"{folder.name}:{name}"
    return make_scene(folder / IMAGES / name, source, group, boxes, labels, ignored)


def read_backgrounds(folder: Path | str) -> list[Scene]:
    """All pictures of a folder as scenes without a face. Raises DataError if there are none."""
    files = find_pictures(Path(folder))
    if not files:
        raise DataError(f"{folder}: no pictures", "give a folder of pictures without people")
    return [
        make_scene(file, BACKGROUND, f"{BACKGROUND}:{file.name}", NO_BOXES, (), np.empty(0, bool))
        for file in files
    ]


def scene_of_face(sample: Sample, pixels: Pixels) -> Scene:
    """A cut-out face as a small scene of its own. pixels: its file, uint8 (H, W, 3)."""
    box = sample.face_box(pixels)
    corners = np.array([[box.xmin, box.ymin, box.xmax, box.ymax]], np.float32)
    labels, ignored = [sample.label.value], np.zeros(1, bool)
    scene = make_scene(sample.file, sample.source, sample.group, corners, labels, ignored)
    if sample.landmarks is None:
        return scene
    return replace(scene, landmarks=np.array(sample.landmarks, np.float32).reshape(1, 5, 2))


def load_pictures(scenes: Iterable[Scene]) -> tuple[list[Loaded], list[str]]:
    """Decode all pictures once, with a progress bar.

    Returns the readable scenes with their pixels, and one line for each unreadable file.
    """
    good, unreadable = [], []
    for scene in tqdm(list(scenes), desc="reading pictures", unit="picture", mininterval=1):
        try:
            good.append((scene, read_picture(scene.file)))
        except PictureError as error:
            unreadable.append(str(error))
    return good, unreadable
