"""Kinds of picture files, told by their first bytes: a name's suffix proves nothing."""

from __future__ import annotations

import re
from enum import StrEnum

HEAD = 64
"""Bytes of a file that are enough to tell its kind."""


class Kind(StrEnum):
    """A kind of picture file, by the name that people know it by."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    BMP = "BMP"
    TIFF = "TIFF"
    GIF = "GIF"
    PNM = "PNM"
    AVIF = "AVIF"
    JPEG_2000 = "JPEG 2000"
    HEIC = "HEIC"
    JPEG_XL = "JPEG XL"
    PHOTOSHOP = "Photoshop"
    SVG = "SVG"
    RAW = "raw camera picture"


READ = frozenset(Kind) - {Kind.HEIC, Kind.JPEG_XL, Kind.PHOTOSHOP, Kind.SVG, Kind.RAW}
"""The kinds that are read; AVIF, GIF and JPEG 2000 where the installed OpenCV can."""

SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".dib",
        ".webp",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".pgm",
        ".pbm",
    }
)
"""Suffixes of the kinds that are read. A file without one of them is a picture if its bytes are."""

OTHER_SUFFIXES = frozenset(
    {
        ".heic",
        ".heif",
        ".hif",
        ".jxl",
        ".psd",
        ".svg",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".orf",
        ".rw2",
        ".raf",
        ".pef",
    }
)
"""Suffixes of pictures that are not read."""

_STARTS = (
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"GIF8", Kind.GIF),
    (b"\xff\x4f\xff\x51", Kind.JPEG_2000),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind.JPEG_2000),
    (b"\xff\x0a", Kind.JPEG_XL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Kind.JPEG_XL),
    (b"8BPS", Kind.PHOTOSHOP),
    (b"IIRO", Kind.RAW),
    (b"IIU\x00", Kind.RAW),
    (b"FUJIFILM", Kind.RAW),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"II+\x00", Kind.TIFF),
    (b"MM\x00+", Kind.TIFF),
)
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_SVG = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg[\s>]", re.S)


def kind_of(head: bytes) -> Kind | None:
    """The kind of picture that begins with these bytes, HEAD or more of them; None where it is none."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return Kind.RAW if kind is Kind.TIFF and head[8:10] == b"CR" else kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head.startswith(b"BM") and head[14:18] in _BITMAP_HEADERS:
        return Kind.BMP
    if re.match(rb"P[1-6]\s", head):
        return Kind.PNM
    return Kind.SVG if _SVG.match(head) else _kind_of_media(head)


_BITMAP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 36, 40, 52, 56, 64, 108, 124)}
"""What the length field of a BMP's second header may be: `BM` alone begins many a text."""


def _kind_of_media(head: bytes) -> Kind | None:
    """Of a file of the MP4 family, by the brands that it names; a video is none."""
    if head[4:8] != b"ftyp":
        return None
    size = int.from_bytes(head[:4], "big")
    names = head[8:size] if size >= 16 else head[8:]
    brands = {names[at : at + 4] for at in range(0, len(names), 4) if at != 4}  # 4: the version
    if brands & {b"avif", b"avis"}:
        return Kind.AVIF
    if names[:4] == b"crx ":
        return Kind.RAW
    return Kind.HEIC if brands & _HEIF_BRANDS else None


def advice_for(kind: Kind) -> str:
    """What to do with a picture of a kind that is not read."""
    if kind is Kind.HEIC:
        return "save it as JPEG (an iPhone does under Settings, Camera, Formats, Most Compatible)"
    return "save it as JPEG or PNG"
