"""Every kind of picture file that people have, and every way in which one can be broken."""

import struct

import cv2
import numpy as np
import pytest

from edge.errors import PictureError, SinkError
from edge.pictures.files import read_picture, write_picture
from edge.pictures.folders import find_pictures


@pytest.fixture
def scene():
    """Left half red, right half blue, RGB."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (255, 0, 0)
    pixels[:, 30:] = (0, 0, 255)
    return pixels


def near(pixel, colour):
    return np.abs(np.asarray(pixel, int) - colour).max() < 30


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    tiff = (
        b"II*\x00\x08\x00\x00\x00\x01\x00"
        + struct.pack("<HHII", 0x0112, 3, 1, orientation)
        + b"\x00\x00\x00\x00"
    )
    body = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def jpeg(pixels) -> bytes:
    return cv2.imencode(".jpg", pixels[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_round_trip_is_rgb(tmp_path, scene, suffix):
    path = tmp_path / f"new folder/a{suffix}"
    write_picture(path, scene)
    pixels = read_picture(path)
    assert pixels.shape == scene.shape
    assert pixels.dtype == np.uint8
    assert near(pixels[20, 10], (255, 0, 0))
    assert near(pixels[20, 50], (0, 0, 255))


def test_exif_orientation_is_applied(tmp_path, scene):
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_exif(jpeg(scene), 6))  # the camera lay on its side: turn by 90 degrees clockwise
    pixels = read_picture(path)
    assert pixels.shape == (60, 40, 3)
    assert near(pixels[10, 20], (255, 0, 0))


@pytest.mark.parametrize(
    "stored",
    [
        np.full((20, 30), 200, np.uint8),
        np.full((20, 30, 4), 200, np.uint8),
        np.full((20, 30, 3), 200 * 257, np.uint16),
        np.full((20, 30), 200 * 257, np.uint16),
    ],
    ids=["grey", "rgba", "16-bit colour", "16-bit grey"],
)
def test_every_pixel_format_becomes_8_bit_rgb(tmp_path, stored):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), stored)
    pixels = read_picture(path)
    assert pixels.shape == (20, 30, 3)
    assert pixels.dtype == np.uint8
    assert np.all(np.abs(pixels.astype(int) - 200) <= 1)


def test_cmyk_jpeg(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "cmyk.jpg"
    image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(path, quality=95)
    assert near(read_picture(path)[10, 15], (255, 0, 0))


def test_one_pixel(tmp_path):
    path = tmp_path / "a.png"
    write_picture(path, np.full((1, 1, 3), 7, np.uint8))
    assert read_picture(path).tolist() == [[[7, 7, 7]]]


def test_fifty_megapixels(tmp_path):
    path = tmp_path / "huge.jpg"
    write_picture(path, np.zeros((6200, 8100, 3), np.uint8))
    assert read_picture(path).shape == (6200, 8100, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a picture"),
        (b"\xff\xd8\xff\xe0 broken \xff\xd9", "truncated"),
        (b"\x89PNG\r\n\x1a\n nothing more IEND", "not a picture"),
    ],
    ids=["zero bytes", "text", "broken jpeg", "broken png"],
)
def test_broken_files_name_themselves_and_the_cause(tmp_path, content, words):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=words) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, part):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    data = cv2.imencode(suffix, noise)[1].tobytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PictureError, match=r"truncated|not a picture"):
        read_picture(path)


def test_a_thumbnail_does_not_hide_truncation(tmp_path, scene):
    """An EXIF thumbnail ends in FF D9 as well; that is not the picture's end."""
    whole = jpeg(np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8))
    thumbnail = b"Exif\x00\x00" + jpeg(scene)
    with_thumbnail = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:]
    path = tmp_path / "a.jpg"
    path.write_bytes(with_thumbnail)
    assert read_picture(path).shape == (80, 80, 3)
    path.write_bytes(with_thumbnail[: int(len(with_thumbnail) * 0.8)])
    with pytest.raises(PictureError, match="truncated"):
        read_picture(path)


def test_missing_file():
    with pytest.raises(PictureError, match="No such file"):
        read_picture("/nowhere/a.jpg")


def test_write_errors_name_the_file(tmp_path, scene):
    with pytest.raises(SinkError, match=r"a\.xyz"):
        write_picture(tmp_path / "a.xyz", scene)
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        write_picture(tmp_path / "file" / "a.jpg", scene)


def test_find_pictures_is_sorted_recursive_and_skips_hidden(tmp_path, scene):
    for name in ("b.jpg", "sub/a.PNG", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in find_pictures(tmp_path)] == ["b.jpg", "a.PNG"]
