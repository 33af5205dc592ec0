"""`python -m training.clutter`: pictures without people and full of small things, for the detector's `--background`.

Cut-out objects, such as clip art and renderings with a transparent ground, are strewn over photographs and plain walls (copy-paste: Dwibedi
et al. 2017). Of empty rooms there are never enough photographs: to a detector that has seen few, a lamp or a flower of twenty pixels is a face.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from edge.errors import DataError, PictureError
from edge.pictures import find_pictures, read_picture, write_picture
from edge.preprocess import resize
from edge.types import Pixels
from training.cli import run

OBJECTS = (4, 34)
"""At least so many in a picture, and fewer than so many: a tidy wall, a market stall."""

SIDES = (12.0, 170.0)
"""Of an object's longer side, px, drawn log-uniformly: the sizes of face that a door's camera sees."""

PLAIN = 0.25
"""How many pictures have a ground of one colour instead of a photograph."""

KINDS, SAME = 5, 0.6
"""Of up to KINDS kinds a picture holds many: a shelf shows one thing again and again. SAME is their share."""


def read_cut_out(path: Path) -> Pixels:
    """A picture with a transparent ground as uint8 (H, W, 4) RGBA. Raises PictureError, also for one without transparency."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        raise PictureError(f"{path}: no 8-bit picture with a transparent ground; put it with the --scenes or leave it out")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), np.uint8)


def strew(canvas: Pixels, objects: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """Objects, uint8 RGBA, in random places, sizes and turns on a picture, uint8 (H, W, 3) RGB. Returns a new picture."""
    canvas = canvas.copy()
    kinds = [objects[i] for i in rng.integers(len(objects), size=rng.integers(1, KINDS + 1))]
    for _ in range(rng.integers(*OBJECTS)):
        pool = kinds if rng.random() < SAME else objects
        _lay(canvas, _turned(pool[int(rng.integers(len(pool)))], rng), rng)
    return canvas


def _turned(cut_out: Pixels, rng: np.random.Generator) -> Pixels:
    """At another size; one in two mirrored, two in five turned. Colours are weighed by their opacity, so that no dark rim appears."""
    scale = np.exp(rng.uniform(*np.log(SIDES))) / max(cut_out.shape[:2])
    width, height = (max(4, round(side * scale)) for side in cut_out.shape[1::-1])
    opacity = cut_out[..., 3:] / np.float32(255)
    weighed = np.concatenate([cut_out[..., :3] * opacity, cut_out[..., 3:]], axis=2)
    small = cv2.resize(weighed, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        small = small[:, ::-1]
    if rng.random() < 0.4:
        side = int(np.ceil(np.hypot(width, height)))
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-60, 60), 1.0)
        turn[:, 2] += (side - width) / 2, (side - height) / 2
        small = cv2.warpAffine(small, turn, (side, side))
    return np.asarray(np.round(small), np.uint8)


def _lay(canvas: Pixels, cut_out: Pixels, rng: np.random.Generator) -> None:
    """A cut-out (colours weighed by opacity) anywhere on the canvas, also across its border."""
    height, width = canvas.shape[:2]
    x, y = int(rng.integers(-10, width)), int(rng.integers(-10, height))
    part = cut_out[max(0, -y) : height - y, max(0, -x) : width - x]
    target = canvas[max(0, y) :, max(0, x) :][: part.shape[0], : part.shape[1]]
    through = 1 - part[..., 3:] / np.float32(255)
    target[:] = np.minimum(np.round(target * through) + part[..., :3], 255)


def _ground(scenes: Sequence[Path], width: int, height: int, rng: np.random.Generator) -> Pixels:
    if not scenes or rng.random() < PLAIN:
        return np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    return resize(read_picture(scenes[int(rng.integers(len(scenes)))]), width, height)


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if arguments.out.exists():
        raise DataError(f"{arguments.out}: exists already; remove it or choose another --out")
    objects = [read_cut_out(path) for folder in arguments.objects for path in find_pictures(folder)]
    if not objects:
        raise DataError(f"{arguments.objects[0]}: no pictures; give a folder of objects with a transparent ground (PNG or WebP)")
    scenes = [path for folder in arguments.scenes for path in find_pictures(folder)]
    rng = np.random.default_rng(arguments.seed)
    arguments.out.mkdir(parents=True)
    for number in tqdm(range(arguments.count), desc="strewing", unit="picture", mininterval=1):
        write_picture(arguments.out / f"clutter_{arguments.seed}_{number:05}.jpg", strew(_ground(scenes, 640, 480, rng), objects, rng))
    print(f"{arguments.out}: {arguments.count} pictures with some of {len(objects)} objects on {len(scenes)} scenes and plain grounds")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m training.clutter", description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--objects", nargs="+", type=Path, required=True, help="folders of cut-out objects with a transparent ground; no people, no drawn faces")
    add("--scenes", nargs="+", type=Path, default=[], help="folders of pictures without people to strew them on")
    add("--out", type=Path, required=True, help="folder to write; must not exist yet")
    add("--count", type=int, default=1000, help="pictures to make (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the choice (default: %(default)s)")
    return parser


if __name__ == "__main__":
    run(build_parser(), main)
