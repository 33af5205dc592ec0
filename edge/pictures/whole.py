"""Whether all of a picture is in its file. Newer OpenCV refuses most cut files itself, older ones fill up."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from edge.pictures.boxes import find
from edge.pictures.jpeg import END_MARK, jpeg_is_whole
from edge.pictures.kinds import Kind
from edge.pictures.tiff import lies_in_file

LOST_SECTORS = 512
"""Zeros at the end of compressed data that hardly an encoder writes: a disk's lost sectors."""


def is_whole(kind: Kind, data: bytes) -> bool:
    """Whether nothing is missing in a picture file, as far as its bytes tell."""
    check = _CHECKS.get(kind)
    try:
        return check is None or check(data)
    except (struct.error, IndexError, ValueError):
        return False


def _png(data: bytes) -> bool:
    """All chunks up to the end's are there, and the checksums of those that hold pixels are right."""
    at, pixels = 8, False
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return False
        if name[:1].isupper() and zlib.crc32(memoryview(data)[at + 4 : end - 4]) != _checksum(data, end):
            return False
        if name == b"IEND":
            return pixels
        pixels, at = pixels or name == b"IDAT", end
    return False


def _checksum(data: bytes, end: int) -> int:
    return int.from_bytes(data[end - 4 : end], "big")


def _webp(data: bytes) -> bool:
    """RIFF states the length, and one byte of padding may be missing.

    A lossy one may end in zeros, where the picture's lower part has one colour; lost sectors begin at a
    sector.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data) + 1:
        return False
    lossless = b"VP8L" in (data[12:16], data[30:34])
    return not _ends_in_zeros(data[:end]) or (not lossless and not _begins_at_sector(data[:end]))


def _begins_at_sector(data: bytes) -> bool:
    """Whether the zeros at the end begin with a sector, or a few bytes before: data may end in a zero."""
    return -len(data.rstrip(b"\x00")) % LOST_SECTORS < 4


def _bmp(data: bytes) -> bool:
    """Without compression all lines have one length, a multiple of 4 bytes."""
    start, head = struct.unpack_from("<II", data, 10)
    width, height, _, depth = struct.unpack_from("<HHHH" if head == 12 else "<iiHH", data, 18)
    compression = 0 if head == 12 else struct.unpack_from("<I", data, 30)[0]
    line = (abs(width) * depth + 31) // 32 * 4
    return compression in (1, 2) or start + line * abs(height) <= len(data)


def _jpeg_2000(data: bytes) -> bool:
    box = find(data, b"jp2c")
    stream = data if data.startswith(b"\xff\x4f") else data[box.start : box.end] if box else b""
    return stream.rstrip(b"\x00").endswith(END_MARK) and not _ends_in_zeros(stream)


def _ends_in_zeros(data: bytes) -> bool:
    return len(data) > 2 * LOST_SECTORS and not any(data[-LOST_SECTORS:])


_CHECKS: dict[Kind, Callable[[bytes], bool]] = {
    Kind.JPEG: jpeg_is_whole,
    Kind.PNG: _png,
    Kind.WEBP: _webp,
    Kind.BMP: _bmp,
    Kind.TIFF: lies_in_file,
    Kind.JPEG_2000: _jpeg_2000,
}
