"""What the head of a picture file says of its size, so that a bomb is refused before anything is decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from edge.pictures import av1
from edge.pictures.boxes import avif_size, find
from edge.pictures.jpeg import FRAMES, is_turned, segments, strict_decoder
from edge.pictures.kinds import Kind
from edge.pictures.tiff import tiff_size

PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


class Header(NamedTuple):
    """What decoding a picture will take."""

    width: int
    """Pixels, as stored."""
    height: int
    bytes_a_pixel: float
    """Memory that decoding takes, the result with it: measured with OpenCV 4.14, see tests/data/awkward."""


def read_header(kind: Kind, data: bytes) -> Header | None:
    """The size that a picture states; None where its head is damaged."""
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError, ValueError, StopIteration):
        return None


def _jpeg(data: bytes) -> Header:
    """The largest of its frame headers. A progressive one is kept whole, as 16-bit coefficients."""
    width = height = 0
    cost = 3.0 if strict_decoder() and not is_turned(data) else 6.0
    for _, (marker, body) in segments(data):
        if marker in FRAMES:
            own_height, own_width = struct.unpack_from(">HH", body, 1)
            width, height = max(width, own_width), max(height, own_height)
            cost += 2 * _samples_a_pixel(body) if marker in PROGRESSIVE else 0
    return Header(width, height, cost)


def _samples_a_pixel(body: bytes) -> float:
    """Of a JPEG's frame: 3 for 4:4:4, 1.5 for 4:2:0."""
    factors = [(body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, 6 + 3 * body[5], 3)]
    most = max(h for h, _ in factors) * max(v for _, v in factors)
    if not most:
        raise ValueError("no samples")
    return sum(h * v for h, v in factors) / most


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        raise ValueError("no IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return Header(width, height, 6)


def _webp(data: bytes) -> Header:
    """The largest of the canvas and the first pictures on it."""
    width = height = 0
    at = 12
    for _ in range(8):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        found = _webp_chunk(name, data[at + 8 : at + 48])
        width, height = max(width, found[0]), max(height, found[1])
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
    return Header(width, height, 7)


def _webp_chunk(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name in (b"VP8X", b"ANMF"):
        at = 4 if name == b"VP8X" else 6
        return (
            int.from_bytes(body[at : at + 3], "little") + 1,
            int.from_bytes(body[at + 3 : at + 6], "little") + 1,
        )
    return 0, 0


def _bmp(data: bytes) -> Header:
    """A negative height says that the first line is the top one."""
    form = "<HH" if struct.unpack_from("<I", data, 14)[0] == 12 else "<ii"
    width, height = struct.unpack_from(form, data, 18)
    return Header(abs(width), abs(height), 6)


def _gif(data: bytes) -> Header:
    """The larger of the screen and the first picture on it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while data[at] == 0x21:  # an extension: blocks of a length, the last of length 0
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    left, top, own_width, own_height = struct.unpack_from("<HHHH", data, at + 1)
    return Header(max(width, left + own_width), max(height, top + own_height), 8)


def _pnm(data: bytes) -> Header:
    found = re.match(rb"P[1-6](?:\s+|\s*#[^\n]*\n)+(\d{1,9})(?:\s+|\s*#[^\n]*\n)+(\d{1,9})\s", data[:4096])
    if found is None:
        raise ValueError("no size")
    return Header(int(found[1]), int(found[2]), 6)


def _avif(data: bytes) -> Header:
    """The largest of what the boxes state and of what the data in them do."""
    stated = [avif_size(data), *av1.sizes(data)]
    return Header(max(width for width, _ in stated), max(height for _, height in stated), 18)


def _jpeg_2000(data: bytes) -> Header:
    """From the codestream: that is what is decoded, whatever the box around it says."""
    box = None if data.startswith(b"\xff\x4f") else find(data, b"jp2c")
    start = 0 if data.startswith(b"\xff\x4f") else box.start if box else len(data)
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    return Header(right - left, bottom - top, 4 * max(components, 1) + 6)


_READERS: dict[Kind, Callable[[bytes], Header]] = {
    Kind.JPEG: _jpeg,
    Kind.PNG: _png,
    Kind.WEBP: _webp,
    Kind.BMP: _bmp,
    Kind.TIFF: lambda data: Header(*tiff_size(data), 10),
    Kind.GIF: _gif,
    Kind.PNM: _pnm,
    Kind.AVIF: _avif,
    Kind.JPEG_2000: _jpeg_2000,
}
