"""The largest pictures that are read, each in a process of its own: what does that take?"""

import os
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import PictureError
from edge.pictures.files import FILE_LIMITS, read_picture
from edge.pictures.headers import read_header
from edge.pictures.kinds import kind_of
from tests.builders import DATA, ROOT

pytestmark = pytest.mark.slow

MOST_MB = 300
"""On a Pi of 512 MB. A picture of two gigabytes of pixels took 7 GB once."""

READ = """
import sys
from edge.errors import PictureError
from edge.optional import import_cv2
from edge.pictures.files import read_picture
from pathlib import Path

def memory_mb(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024

import_cv2()
before = memory_mb("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew: it is inherited
try:
    said = read_picture(sys.argv[1]).shape
except PictureError as error:
    said = error
print(said)
print(memory_mb("VmHWM") - before)
"""


@pytest.mark.parametrize(
    ("suffix", "flags"),
    [
        (".jpg", []),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".png", []),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 20]),
        (".bmp", []),
        (".tif", []),
    ],
    ids=["jpeg", "progressive", "png", "webp", "bmp", "tiff"],
)
def test_the_largest_of_a_kind_takes_300_mb_at_most(tmp_path, suffix, flags):
    path = tmp_path / f"large{suffix}"
    small = cv2.imencode(suffix, np.zeros((16, 16, 3), np.uint8), flags)[1].tobytes()
    header = read_header(kind_of(small[:64]), small)
    assert header
    uncompressed = 3 if suffix in (".bmp", ".tif") else 0  # their file takes memory, too
    pixels = min(FILE_LIMITS.decoded_bytes / (header.bytes_a_pixel + uncompressed + 0.05), FILE_LIMITS.pixels)
    side = int(pixels**0.5) // 8 * 8
    assert cv2.imwrite(str(path), np.full((side, side, 3), 90, np.uint8), flags)
    said, took = read_apart(path)
    assert said == f"({side}, {side}, 3)"
    assert took <= MOST_MB


def read_apart(path) -> tuple[str, float]:
    """What reading a picture says, and the megabytes that it takes."""
    child = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert child.returncode == 0, child.stderr
    said, took = child.stdout.splitlines()
    print(said, took)
    return said, float(took)


@pytest.mark.parametrize("part", [0.3, 1.0])
def test_a_lossy_webp_with_a_lower_part_of_one_colour_is_whole(tmp_path, part):
    """It ends in hundreds of zeros, as data from lost sectors do."""
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 3000, 3)).astype(np.uint8)
    pixels[round(3000 * (1 - part)) :] = 90
    path = tmp_path / "bars.webp"
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_WEBP_QUALITY, 20])
    assert read_picture(path).shape == (3000, 3000, 3)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 1024 * 512] + bytes(len(data) - len(data) // 1024 * 512))
    with pytest.raises(PictureError, match="a part of the picture is missing"):
        read_picture(path)


BOMBS = sorted((DATA / "awkward").glob("*bomb*"))


@pytest.mark.parametrize("path", BOMBS, ids=lambda path: path.name)
def test_a_bomb_takes_next_to_nothing(path):
    said, took = read_apart(path)
    assert "too large to be decoded" in said
    assert took <= MOST_MB / 10


@pytest.mark.parametrize("name", ["jpeg", "sparse", "endless"])
def test_what_is_large_as_a_file_or_by_its_head_takes_next_to_nothing(tmp_path, name):
    """A JPEG whose head says 60000x16000, 3 GB of nothing behind a PNG's head, a device without an end."""
    path = tmp_path / "large.jpg"
    data = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    at = data.index(b"\xff\xc0") + 5
    path.write_bytes(data[:at] + struct.pack(">HH", 16000, 60000) + data[at + 4 :])
    if name == "sparse":
        path.write_bytes((DATA / "awkward" / "upright.png").read_bytes())
        os.truncate(path, 3_000_000_000)
    elif name == "endless":
        path = Path("/dev/zero")
    said, took = read_apart(path)
    assert {"jpeg": "too large", "sparse": "3000 MB", "endless": "device"}[name] in said
    assert took <= MOST_MB / 10
