"""Odd and damaged picture files, each with its right answer: tests/data/make_awkward.py makes them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from edge.errors import PictureError
from edge.pictures.files import read_picture
from tests.builders import DATA, ROOT

FOLDER = DATA / "awkward"
ANSWERS = json.loads((FOLDER / "answers.json").read_text())
UPRIGHT = read_picture(FOLDER / "upright.png").astype(int)

OTHERS = {"answers.json", "commands.toml"}

NEWER = {".avif": "AVIF", ".gif": "GIF", ".jp2": "JPEG 2000"}
"""What not every OpenCV reads: such a file may be named as not readable."""


def test_every_file_has_an_answer():
    assert set(ANSWERS) == {path.name for path in FOLDER.iterdir() if path.is_file()} - OTHERS


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if answer == "upright"])
def test_an_odd_file_shows_the_scene_upright(name):
    try:
        pixels = read_picture(FOLDER / name)
    except PictureError as error:
        if any(f"({kind})" in error.what for kind in NEWER.values()):
            pytest.skip(f"this OpenCV does not read it: {error}")
        raise
    assert pixels.dtype == np.uint8
    assert pixels.shape == UPRIGHT.shape
    assert np.abs(pixels - UPRIGHT).mean() < 12


@pytest.mark.parametrize("name", [name for name, answer in ANSWERS.items() if answer != "upright"])
def test_a_bad_file_is_one_line_with_its_name_and_cause(name):
    with pytest.raises(PictureError) as caught:
        read_picture(FOLDER / name)
    assert f"{name}: " in str(caught.value)
    assert ANSWERS[name] in str(caught.value)
    assert "\n" not in str(caught.value)


LIMITED = """
import resource, sys
from edge.errors import PictureError
from edge.optional import import_cv2
from edge.pictures.files import read_picture
import_cv2()
pages = int(open("/proc/self/statm").read().split()[0])
own = pages * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (own + 512 * 2**20, own + 512 * 2**20))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_picture(path)
    except PictureError:
        pass
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_none_takes_much_memory(tmp_path):
    """All with 512 MB of address space beyond what Python, numpy and OpenCV take. Memory in kB."""
    for name, begin in (
        ("sparse.png", "bomb.png"),
        ("sparse.jpg", "windows.jfif"),
        ("zeros.jpg", "empty.jpg"),
    ):
        path = tmp_path / name
        path.write_bytes((FOLDER / begin).read_bytes())
        os.truncate(path, 3_000_000_000)
    paths = [FOLDER / name for name in ANSWERS] + list(tmp_path.iterdir())
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, paths)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    assert child.returncode == 0, child.stderr
    before, peak = map(int, child.stdout.split())
    assert peak - before < 100_000


def test_a_picture_for_which_memory_is_lacking_is_one_line(tmp_path):
    """A large picture that the limits let through, on a machine with less memory than that."""
    script = LIMITED.replace("512 * 2**20", "40 * 2**20").replace("pass", "print(sys.exc_info()[1])")
    path = tmp_path / "large.png"
    import cv2

    cv2.imwrite(str(path), np.zeros((6000, 6000), np.uint8))
    child = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=100
    )
    assert child.returncode == 0, child.stderr
    assert "large.png: there is not enough memory" in child.stdout
