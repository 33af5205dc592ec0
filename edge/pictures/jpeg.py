"""Whether a JPEG is whole: the decoder's own verdict, for files and for single frames of a camera.

OpenCV decodes a JPEG that lacks a part as well, fills the hole with one colour and says nothing.
libjpeg-turbo says it: the library simplejpeg passes its words on. Where simplejpeg is missing, the end mark
and the fill tell.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge.errors import PictureError
from edge.optional import import_cv2, import_simplejpeg
from edge.pictures.tiff import ORIENTATION, read_tags
from edge.types import Pixels

if TYPE_CHECKING:
    from types import ModuleType

DAMAGED = "a part of the picture is missing (damaged or truncated)"
START, END_MARK = b"\xff\xd8", b"\xff\xd9"
SCAN = 0xDA
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header: they hold precision, height and width."""
SEQUENTIAL = (0xC0, 0xC1)
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
COMMENT, APP1 = 0xFE, 0xE1
NOTES = {COMMENT, *range(0xE0, 0xF0)}
"""Comments and application data (JFIF, EXIF, Adobe): they say nothing of what is in the scans."""
FILLS = ((128, 128, 128), (0, 135, 0), (0, 136, 0), (0, 154, 0))
"""RGB of what stands in for lost blocks: libjpeg's grey, the greens of FFmpeg's MJPEG and of empty YUV."""


class Segment(NamedTuple):
    """One marker of a JPEG's head and its bytes, the length field left out."""

    marker: int
    body: bytes


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG."""
    return data[:3] == b"\xff\xd8\xff"


def read_jpeg(data: bytes) -> Pixels:
    """A JPEG of a camera or stream as uint8 (H, W, 3) RGB, not turned by its EXIF orientation.

    It is decoded once where it is whole. Raises PictureError where a part is missing, or where it is no JPEG.
    """
    library = strict_decoder()
    if library is not None and is_jpeg(data):
        try:
            return np.asarray(library.decode_jpeg(data, "RGB", strict=True), np.uint8)
        except ValueError:
            if not jpeg_is_whole(data):  # before OpenCV: its libjpeg writes what is wrong to the terminal
                raise PictureError(DAMAGED) from None
    cv2 = import_cv2()
    pixels = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if data
        else None
    )
    if pixels is None:
        raise PictureError("not a JPEG that can be decoded")
    pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    if not jpeg_is_whole(data, pixels):
        raise PictureError(DAMAGED)
    return pixels


def read_plain_jpeg(data: bytes) -> Pixels | None:
    """A JPEG file as uint8 (H, W, 3) RGB, in half the memory that OpenCV takes; None where OpenCV must.

    That is: a JPEG with a fault, in the colours of print (CMYK), or to be turned upright.
    """
    library = strict_decoder()
    if library is None or is_turned(data):
        return None
    try:
        if library.decode_jpeg_header(data)[2] not in ("YCbCr", "Gray", "RGB"):
            return None
        return np.asarray(library.decode_jpeg(data, "RGB", strict=True), np.uint8)
    except ValueError:
        return None


def is_turned(data: bytes) -> bool:
    """Whether EXIF says, or may say, that a JPEG is to be turned or mirrored."""
    for _, (marker, body) in segments(data):
        if marker == APP1 and body[:4] == b"Exif":
            try:
                if read_tags(body[6:]).get(ORIENTATION, (1,)) not in ((0,), (1,)):
                    return True
            except struct.error:
                return True
    return False


def jpeg_is_whole(data: bytes, pixels: Pixels | None = None) -> bool:
    """Whether every block of a JPEG can be decoded from its bytes.

    pixels: uint8 (H, W, 3) RGB, the decoded picture, in which the fill is looked for where simplejpeg is
    missing; upright or as stored. What is odd and loses nothing counts as whole: fill bytes, comments with a
    wrong length, padding, bytes behind the end.
    """
    library = strict_decoder()
    if library is None:
        return _looks_whole(data, pixels)
    if _decodes(library, data, strict=True):
        return True
    plain = without_oddities(data)
    if _decodes(library, plain, strict=False):
        return _decodes(library, plain, strict=True)
    return _looks_whole(data, pixels)  # a kind that this library does not read: no verdict


@cache
def strict_decoder() -> ModuleType | None:
    """simplejpeg, or None where it is missing or too old to be strict."""
    library = import_simplejpeg()
    if library is None:
        return None
    try:
        library.decode_jpeg(b"", strict=True)
    except TypeError:
        return None
    except ValueError:
        pass
    return library


def _decodes(library: ModuleType, data: bytes, strict: bool) -> bool:
    """Whether it can be decoded. At an eighth of the size, but all bytes of the scans are read."""
    try:
        library.decode_jpeg(data, "GRAY", min_height=1, min_width=1, strict=strict)
    except ValueError:
        return False
    return True


def segments(data: bytes) -> Iterator[tuple[int, Segment]]:
    """The segments up to and including the first scan's, each with the offset behind it, bytes.

    As tolerant as libjpeg: fill bytes, and bytes that belong to no segment, are passed over.
    """
    at = 2
    while True:
        at = data.find(b"\xff", at)
        while at >= 0 and data[at : at + 1] == b"\xff":
            at += 1
        if at < 0 or at + 3 > len(data):
            return
        marker = data[at]
        at += 1
        if marker == 0x00 or marker in WITHOUT_LENGTH:
            continue
        end = at + max(2, struct.unpack_from(">H", data, at)[0])
        if end > len(data):
            return
        yield end, Segment(marker, data[at + 2 : end])
        if marker == SCAN:
            return
        at = end


def has_scan(data: bytes) -> bool:
    """Whether a JPEG goes on to its first scan."""
    return any(segment.marker == SCAN for _, segment in segments(data))


def without_oddities(data: bytes) -> bytes:
    """The same scans behind a head without anything that libjpeg warns of and that loses nothing.

    Left out: comments and application data, bytes between segments, padding before the end mark. A sequential
    scan's parameters become those that the standard asks for. Only for a verdict: the colours may differ.
    """
    out, sequential = START, False
    for end, (marker, body) in segments(data):
        if marker == SCAN:
            if sequential and len(body) >= 3:
                body = body[:-3] + b"\x00\x3f\x00"
            return out + _segment(marker, body) + _without_padding(data[end:])
        sequential = sequential or marker in SEQUENTIAL
        if marker not in NOTES:
            out += _segment(marker, body)
    return data


def with_note(data: bytes, note: str) -> bytes:
    """The same JPEG with a comment at its beginning. note: ASCII, short."""
    return START + _segment(COMMENT, note.encode("ascii")) + data[len(START) :]


def read_note(head: bytes) -> str:
    """The comment at the beginning of a JPEG; empty where there is none. head: its first bytes."""
    if head[:4] != START + bytes((0xFF, COMMENT)):
        return ""
    length = int.from_bytes(head[4:6], "big")
    return head[6 : 4 + length].decode("ascii", "replace")


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _without_padding(scans: bytes) -> bytes:
    """Scans without the zeros that some cameras put before the end mark."""
    end = scans.rfind(END_MARK)
    return scans if end < 0 else scans[:end].rstrip(b"\x00") + END_MARK


def _looks_whole(data: bytes, pixels: Pixels | None) -> bool:
    """Without a strict decoder: an end mark follows the first scan's head, and the bottom is no fill."""
    start = next((end for end, segment in segments(data) if segment.marker == SCAN), len(data))
    return data.find(END_MARK, start) >= 0 and (pixels is None or not ends_in_fill(pixels))


def ends_in_fill(pixels: Pixels) -> bool:
    """Whether the last 8 lines of a picture, at any of its edges, are one of the colours of lost blocks.

    pixels: uint8 (H, W, 3) RGB. Any edge, since the picture may have been turned since it was decoded. The
    lines are those of a row of blocks, 8 px high at least; a small picture's are fewer.
    """
    height, width = (min(8, max(1, length // 4)) for length in pixels.shape[:2])
    edges = (pixels[-height:], pixels[:height], pixels[:, -width:], pixels[:, :width])
    return any((edge == fill).all() for edge in edges for fill in FILLS if (edge[0, 0] == fill).all())
