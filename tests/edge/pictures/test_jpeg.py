"""Whole JPEGs, odd ones and damaged ones, with the strict decoder and without it."""

import struct

import cv2
import numpy as np
import pytest

from edge.errors import PictureError
from edge.pictures import jpeg
from edge.pictures.files import read_picture
from edge.pictures.jpeg import END_MARK, jpeg_is_whole, read_jpeg
from edge.sources.demo import PORTRAIT

SCENE = np.asarray(cv2.resize(read_picture(PORTRAIT), (328, 245)), np.uint8)
HEIGHT, WIDTH = SCENE.shape[:2]


def encode(pixels=SCENE, **settings) -> bytes:
    flags = [v for key, value in settings.items() for v in (getattr(cv2, f"IMWRITE_JPEG_{key}"), value)]
    return cv2.imencode(".jpg", pixels[..., ::-1] if pixels.ndim == 3 else pixels, flags)[1].tobytes()


KINDS = {
    "baseline": encode(),
    "4:4:4": encode(SAMPLING_FACTOR=cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    "progressive": encode(PROGRESSIVE=1),
    "restart marks": encode(RST_INTERVAL=4),
    "grey": encode(SCENE[..., 0]),
}


def with_segment(data: bytes, marker: int, body: bytes, length: int | None = None) -> bytes:
    """A segment behind the start; `length` as its length field says, else the right one."""
    length = len(body) + 2 if length is None else length
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", length) + body + data[2:]


def without_tables(data: bytes) -> bytes:
    """A frame as many USB cameras send it: without its Huffman tables."""
    out, at = data[:2], 2
    while data[at + 1] != 0xDA:
        length = 2 + struct.unpack_from(">H", data, at + 2)[0]
        out += data[at : at + length] if data[at + 1] != 0xC4 else b""
        at += length
    return out + data[at:]


def with_wrong_scan_parameters(data: bytes) -> bytes:
    at = data.index(b"\xff\xda")
    length = struct.unpack_from(">H", data, at + 2)[0]
    return data[: at + 2 + length - 3] + b"\x00\x00\x00" + data[at + 2 + length :]


BASE = KINDS["baseline"]
ODD = {
    "fill bytes": BASE[:2] + b"\xff\xff\xff" + BASE[2:],
    "comment with a length that is too short": with_segment(BASE, 0xFE, bytes(60), length=40),
    "bytes behind the end": BASE + b"more\xff\xd8\xff\xe0 of it" * 9,
    "padded to the camera's buffer": BASE + bytes(4096),
    "zeros before the end mark": BASE[:-2] + bytes(500) + BASE[-2:],
    "fill bytes before the end mark": BASE[:-2] + b"\xff" * 9 + BASE[-2:],
    "no Huffman tables": without_tables(BASE),
    "thumbnail": with_segment(BASE, 0xE1, b"Exif\0\0" + encode(SCENE[:40, :40])),
    "unknown colour transform": with_segment(BASE, 0xEE, b"Adobe\0\x64\0\0\0\0\x07"),
    "JFIF of version 7": BASE[:11] + b"\x07" + BASE[12:],
    "scan parameters of zero": with_wrong_scan_parameters(BASE),
}


@pytest.fixture(params=["strict decoder", "without it"])
def decoder(request, monkeypatch):
    if request.param == "without it":
        monkeypatch.setattr(jpeg, "strict_decoder", lambda: None)
    else:
        pytest.importorskip("simplejpeg")
    return request.param


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_jpeg_has_the_pixels_that_opencv_gives(decoder, kind):
    expected = cv2.imdecode(np.frombuffer(KINDS[kind], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    pixels = read_jpeg(KINDS[kind])
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, expected)
    assert jpeg_is_whole(KINDS[kind], pixels)


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_loses_nothing_is_whole(decoder, name):
    assert jpeg_is_whole(ODD[name])
    assert read_jpeg(ODD[name]).shape == SCENE.shape


@pytest.mark.parametrize("percent", [10, 35, 60, 90, 97])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_that_is_cut_short_is_damaged(decoder, kind, percent):
    whole = KINDS[kind]
    with pytest.raises(PictureError):
        read_jpeg(whole[: len(whole) * percent // 100])


@pytest.mark.parametrize("percent", [10, 35, 60, 90])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("oddity", ["none", "comment", "zeros"])
def test_an_end_mark_behind_the_cut_does_not_hide_it(kind, percent, oddity):
    pytest.importorskip("simplejpeg")
    whole = KINDS[kind]
    cut = whole[: len(whole) * percent // 100] + bytes(200 if oddity == "zeros" else 0) + END_MARK
    cut = with_segment(cut, 0xFE, bytes(60), length=40) if oddity == "comment" else cut
    assert not jpeg_is_whole(cut)
    with pytest.raises(PictureError):
        read_jpeg(cut)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_in_the_middle_is_damage(kind):
    pytest.importorskip("simplejpeg")
    whole = KINDS[kind]
    with pytest.raises(PictureError, match="missing"):
        read_jpeg(whole[: len(whole) * 4 // 10] + whole[len(whole) * 8 // 10 :])


def test_without_the_strict_decoder_the_fill_tells(monkeypatch):
    monkeypatch.setattr(jpeg, "strict_decoder", lambda: None)
    with pytest.raises(PictureError, match="missing"):
        read_jpeg(BASE[: len(BASE) * 4 // 10] + BASE[len(BASE) * 8 // 10 :])


@pytest.mark.parametrize(
    "turn", [None, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE]
)
def test_fill_is_seen_in_a_turned_picture_too(turn):
    filled = SCENE.copy()
    filled[-16:] = 128
    turned = filled if turn is None else cv2.rotate(filled, turn)
    assert jpeg.ends_in_fill(turned)
    assert not jpeg.ends_in_fill(SCENE)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xda", b"no", b"\xff" * 99]
)
def test_what_is_no_jpeg_is_an_error(decoder, data):
    assert not jpeg_is_whole(data)
    with pytest.raises(PictureError):
        read_jpeg(data)
