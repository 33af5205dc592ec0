"""Scenes: whole pictures with boxes around their faces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from training.datasets.boxes import OUTSIDE, reaches_into
from training.datasets.coco import CocoPicture, annotations_of, read_coco
from training.datasets.dropped import Dropped
from training.datasets.places import plain
from training.datasets.samples import Sample

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


def read_scenes(folder: Path | str) -> list[Scene]:
    """All pictures of a folder with `annotations.json` (COCO) and `images/`, also those without a face.

    `"ignore": 1` and `"iscrowd": 1` mark faces that count neither way. What is left out is counted by cause
    and said on stderr. Raises DataError.
    """
    pictures, dropped = read_coco(Path(folder))
    dropped.report(annotations_of(Path(folder)))
    return [_coco_scene(picture) for picture in pictures]


def _coco_scene(picture: CocoPicture) -> Scene:
    corners = [(one.box.xmin, one.box.ymin, one.box.xmax, one.box.ymax) for one in picture.boxes]
    labels, ignored = [one.category for one in picture.boxes], [one.ignored for one in picture.boxes]
    return make_scene(
        picture.file,
        picture.source,
        picture.group,
        np.array(corners, np.float32).reshape(-1, 4),
        labels,
        np.array(ignored, bool),
    )


def read_backgrounds(folder: Path | str) -> list[Scene]:
    """All pictures of a folder as scenes without a face. Raises DataError if there are none."""
    files = find_pictures(Path(folder))
    if not files:
        raise DataError(f"{folder}: no pictures", "give a folder of pictures without people")
    return [
        make_scene(file, BACKGROUND, plain(f"{BACKGROUND}:{file.name}"), NO_BOXES, (), np.empty(0, bool))
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
            good.append(without_outside(scene, read_picture(scene.file)))
        except PictureError as error:
            unreadable.append(str(error))
    return good, unreadable


def without_outside(scene: Scene, pixels: Pixels) -> Loaded:
    """A scene without the boxes outside its picture, which are counted on stderr; and the picture."""
    size, dropped = (pixels.shape[1], pixels.shape[0]), Dropped()
    inside = [i for i, corners in enumerate(scene.boxes) if reaches_into(corners.tolist(), size)]
    for i in set(range(len(scene.boxes))) - set(inside):
        dropped.add(OUTSIDE, f"box {i + 1} of {size[0]}x{size[1]} px")
    dropped.report(scene.file)
    return (scene if len(inside) == len(scene.boxes) else _only(scene, inside)), pixels


def _only(scene: Scene, faces: Sequence[int]) -> Scene:
    """A scene with some of its faces."""
    return replace(
        scene,
        boxes=scene.boxes[list(faces)],
        labels=tuple(scene.labels[i] for i in faces),
        ignored=scene.ignored[list(faces)],
        landmarks=scene.landmarks[list(faces)],
    )
