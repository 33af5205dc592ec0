"""What a file is that cannot be opened as a video: by its content, not by its name."""

from __future__ import annotations

import codecs
import struct
from pathlib import Path

from edge.errors import SourceError

HEAD = 4096
"""Bytes of a file that are looked at."""

KINDS = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
    (b"version https://git-lfs", "a Git LFS pointer, whose content was not fetched"),
)
_CONTROLS = {chr(code) for code in range(32)} - set("\t\n\r\f")

BOX = struct.Struct(">I4s")
"""Length in bytes and kind of a box of an MP4 or MOV file (ISO 14496-12, 4.2)."""


def explain_video(path: Path) -> SourceError:
    """Why a file that is there and not empty is no video that can be opened."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            unfinished = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") and not _has_index(path)
    except OSError as error:
        return SourceError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions")
    kind = _kind(head)
    if kind:
        return SourceError(f"{path}: this is {kind}, not a video that can be read", "check what it is")
    if unfinished:
        return SourceError(
            f"{path}: its index is missing: it was not finished (power cut?), or not copied as a whole",
            "copy it again, or repair it",
        )
    return SourceError(f"{path}: not a video that OpenCV can read", "convert it to MP4 (H.264)")


def _kind(head: bytes) -> str | None:
    """What it is instead of a video, where that can be told."""
    for start, kind in KINDS:
        if head.startswith(start):
            return kind
    if not head.strip(b"\0"):
        return "a file of zeros (a recording that was never written?)"
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)  # the head may end within a letter
    except UnicodeDecodeError:
        return None
    if text.lstrip().lower().startswith(("<!doctype html", "<html")):
        return "a web page"
    return None if _CONTROLS & set(text) else "a text file"


def _has_index(path: Path) -> bool:
    """Whether an MP4 or MOV file has its `moov` box, and has it as a whole."""
    at, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while at + BOX.size <= size:
            file.seek(at)
            length, kind = BOX.unpack(file.read(BOX.size))
            if length == 1:
                length = int.from_bytes(file.read(8), "big")
            if kind == b"moov":
                return bool(at + length <= size)
            if length < BOX.size:  # 0: up to the end of the file
                return False
            at += length
    return False
