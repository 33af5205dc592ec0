"""Manifests and COCO annotations as they come from other people's tools: DataError, or samples."""

from __future__ import annotations

import io
import json
import math
from contextlib import redirect_stderr
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from edge.errors import DataError
from tests.fuzz.damage import changed_json, damaged
from tests.fuzz.odd import odd_text
from tests.fuzz.target import Target, made
from training.datasets.samples import BOX_COLUMNS, LANDMARK_COLUMNS, read_samples

COLUMNS = ("file", "label", *BOX_COLUMNS, "source", "group", *LANDMARK_COLUMNS)
LABELS = ("with_mask", "without_mask", "incorrect_mask", "With Mask", "mask", "unknown", "")
FILES = (
    "a.jpg",
    "img/b.jpg",
    "../a.jpg",
    "/etc/passwd",
    "img/../../a.jpg",
    "a\\b.jpg",
    "",
    ".",
    "~/a.jpg",
    "C:\\a.jpg",
)
NUMBERS = ("0", "10", "20", "-5", "1e3", "nan", "inf", "-inf", "1,5", "1e400", "ten", "", " 7 ", "٣", "1_0")
GOOD = "file,label,xmin,ymin,xmax,ymax,group\na.jpg,with_mask,1,2,30,40,p1\nb.jpg,without_mask,5,6,50,60,p2\n"
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]},
        {"id": 2, "image_id": 2, "category_id": 2, "bbox": [5, 6.5, 7, 8], "iscrowd": 0, "ignore": 1},
    ],
    "categories": [{"id": 1, "name": "with_mask"}, {"id": 2, "name": "without_mask"}],
}


def table(random: Random) -> str:
    """A table with odd cells, delimiters and line ends."""
    names = random.sample(COLUMNS, random.randint(2, len(COLUMNS)))
    names += [name for name in ("file", "label") if name not in names and random.random() < 0.95]
    between, end = random.choice(",,,;\t|"), random.choice(("\n", "\n", "\r\n", "\r"))
    rows = [names, *([_cell(random, name) for name in names] for _ in range(random.randint(0, 6)))]
    for row in rows[1:]:
        if random.random() < 0.05:
            row.append(odd_text(random))
    return random.choice(("", "", "\ufeff")) + end.join(between.join(row) for row in rows) + end


def _cell(random: Random, name: str) -> str:
    if random.random() < 0.03:
        return odd_text(random)
    if name == "label":
        return random.choice(LABELS[:3]) if random.random() < 0.9 else random.choice(LABELS)
    if name == "file":
        return f"{random.randrange(50)}.jpg" if random.random() < 0.9 else random.choice(FILES)
    if name in ("source", "group"):
        return random.choice(("people", "a/b", "..", ""))
    return str(random.randrange(300)) if random.random() < 0.9 else random.choice(NUMBERS)


def feed_manifest(data: bytes) -> None:
    """A manifest: the text of a table as JSON, or the bytes of a damaged one."""
    try:
        text = json.loads(data)
    except ValueError:
        text = None
    read_from(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else data, "manifest.csv")


def feed_coco(data: bytes) -> None:
    read_from(data, "annotations.json")


def read_from(data: bytes, name: str) -> None:
    """Read a folder with this file. No sample leads out of the folder, and every box has a size."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "set"
        (folder / "images").mkdir(parents=True)
        (folder / name).write_bytes(data)
        with redirect_stderr(io.StringIO()):  # what was left out
            samples = read_samples(folder)
        for sample in samples:
            assert sample.file.resolve().is_relative_to(folder.resolve()), sample
            assert ".." not in Path(sample.source).parts and not Path(sample.source).is_absolute(), sample
            corners = (
                (0, 0, 1, 1)
                if sample.box is None
                else (sample.box.xmin, sample.box.ymin, sample.box.xmax, sample.box.ymax)
            )
            assert all(map(math.isfinite, corners)) and corners[0] < corners[2] and corners[1] < corners[3], (
                sample
            )
            assert all(map(math.isfinite, sample.landmarks or ())), sample


def _manifests() -> st.SearchStrategy[bytes]:
    return made(table) | damaged([GOOD.encode(), ("\ufeff" + GOOD).encode(), GOOD.encode("utf-16")])


TARGETS = (
    Target("manifest", _manifests(), feed_manifest, DataError),
    Target("coco", changed_json([COCO]) | damaged([json.dumps(COCO).encode()]), feed_coco, DataError),
)
