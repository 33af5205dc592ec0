"""Reading and writing picture files. RGB inside; OpenCV's BGR stays in here."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edge.errors import PictureError, SinkError, printable
from edge.optional import MAX_PIXELS, import_cv2
from edge.pictures.boxes import turn_upright
from edge.pictures.headers import read_header
from edge.pictures.jpeg import DAMAGED, ends_in_fill, read_plain_jpeg, strict_decoder, with_note
from edge.pictures.kinds import HEAD, READ, Kind, advice_for, kind_of
from edge.pictures.whole import is_whole
from edge.types import Pixels
from edge.writing import write_new, write_whole

SAVE_AGAIN = "save it as JPEG or PNG"
SMALLER = "make it smaller"
BAND = 256
"""Lines that are converted at a time."""

DECODED_BYTES = 256_000_000
"""What the file and decoding it may take together: a Pi has 512 MB."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may be, at most. All is looked at before anything is decoded."""

    file_bytes: int = 150_000_000
    pixels: int = MAX_PIXELS
    side: int = 65_500
    """Pixels of the longer side."""
    decoded_bytes: int = DECODED_BYTES
    kinds: frozenset[Kind] = READ


FILE_LIMITS = Limits()


def read_picture(path: Path | str, limits: Limits = FILE_LIMITS) -> Pixels:
    """A picture file as uint8 (H, W, 3) RGB, turned upright as the file asks for.

    Grey, RGBA (alpha dropped), 16-bit and CMYK become 8-bit RGB. The kind is told by the content.
    Raises PictureError, which names the file and the cause; also where a part of the picture is missing.
    """
    path = Path(path)
    try:
        return decode_picture(_read_file(path, limits), limits)
    except PictureError as error:
        raise PictureError(f"{printable(path)}: {error.what}", error.cure) from error


def is_picture(path: Path | str) -> bool:
    """Whether a file holds a picture, of a kind that is read or not; False where it cannot be opened."""
    try:
        with open_file(Path(path)) as file:
            return kind_of(file.read(HEAD)) is not None
    except (OSError, ValueError):
        return False


def decode_picture(data: bytes, limits: Limits = FILE_LIMITS) -> Pixels:
    """The bytes of a picture file as `read_picture` gives it. Raises PictureError, without a file's name."""
    kind = _check(data, limits)
    try:
        if kind is Kind.JPEG and (whole := read_plain_jpeg(data)) is not None:
            return whole
        if not is_whole(kind, data):
            raise PictureError(DAMAGED, "copy it again")
        pixels = _decode(kind, data)
    except MemoryError:
        raise PictureError("there is not enough memory to decode it", SMALLER) from None
    if pixels is None:
        raise PictureError(f"not a picture that OpenCV can read ({kind})", SAVE_AGAIN)
    if kind is Kind.JPEG and strict_decoder() is None and ends_in_fill(pixels):
        raise PictureError(DAMAGED, "copy it again")
    return pixels


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """A regular file, for reading; never waits, as for a FIFO or a device. Raises OSError, ValueError."""
    _demand_regular(path.stat())  # before it is opened: opening a device may do something
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
        _demand_regular(os.fstat(file.fileno()))
        yield file


def _demand_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no file but a device, pipe or socket")


def _read_file(path: Path, limits: Limits) -> bytes:
    """All of a file that may be a picture. Raises PictureError."""
    try:
        with open_file(path) as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(HEAD)
            _check_kind(head, limits)
            if size > limits.file_bytes:
                raise PictureError(f"the file has {size / 1e6:.0f} MB, more than a picture has", SMALLER)
            file.seek(0)
            return _read_all(file, size)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if isinstance(error, PictureError):
            raise
        cause = error.strerror if isinstance(error, OSError) else error
        raise PictureError(f"cannot be read ({cause})", "check the path and its permissions") from error


def _read_all(file: BinaryIO, size: int) -> bytes:
    """At most `size` bytes, in one piece of memory where one read gives them all."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_kind(head: bytes, limits: Limits) -> Kind:
    """The kind of picture that begins so. Raises PictureError for what is none, or none that is read."""
    if not head:
        raise PictureError("the file is empty", "copy it again")
    kind = kind_of(head)
    if kind is None:
        raise PictureError("not a picture that OpenCV can read", SAVE_AGAIN)
    if kind not in limits.kinds:
        raise PictureError(f"{kind} is not read", advice_for(kind))
    return kind


def _check(data: bytes, limits: Limits) -> Kind:
    """The kind of a picture that may be decoded. Raises PictureError for any other."""
    kind = _check_kind(data[:HEAD], limits)
    if len(data) > limits.file_bytes:
        raise PictureError(f"the file has {len(data) / 1e6:.0f} MB, more than a picture may have", SMALLER)
    header = read_header(kind, data)
    if header is None:
        raise PictureError(f"not a picture that OpenCV can read (its {kind} head is damaged)", SAVE_AGAIN)
    if header.width < 1 or header.height < 1:
        raise PictureError(DAMAGED, "copy it again")
    pixels = header.width * header.height
    needed = len(data) + pixels * header.bytes_a_pixel
    if pixels > limits.pixels or max(header[:2]) > limits.side or needed > limits.decoded_bytes:
        size = f"{header.width}x{header.height} pixels"
        raise PictureError(f"too large to be decoded ({kind}, {size})", SMALLER)
    return kind


def _decode(kind: Kind, data: bytes) -> Pixels | None:
    """uint8 (H, W, 3) RGB, upright; None where OpenCV cannot. Raises MemoryError, PictureError."""
    cv2 = import_cv2()
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if kind is Kind.AVIF else 0)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        raise PictureError(f"OpenCV refuses it ({error.err})", SAVE_AGAIN) from error
    if pixels is None:
        return None
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PictureError(f"OpenCV gives no colour picture ({pixels.dtype}, {pixels.shape})", SAVE_AGAIN)
    _exchange_red_and_blue(pixels)
    return turn_upright(data, pixels) if kind is Kind.AVIF else pixels


def _exchange_red_and_blue(pixels: Pixels) -> None:
    """BGR to RGB, in place: a copy of a large picture would take as much memory again."""
    cv2 = import_cv2()
    for top in range(0, pixels.shape[0], BAND):
        band = pixels[top : top + BAND]
        band[:] = cv2.cvtColor(band, cv2.COLOR_BGR2RGB)


def write_picture(path: Path | str, pixels: Pixels) -> None:
    """Write uint8 (H, W, 3) RGB as the format that the suffix names; a file of that name is replaced.

    Whole or not at all. Raises SinkError.
    """
    path = Path(path)
    data = encode_picture(path, pixels)
    with cannot_be_written(path):
        write_whole(path, data)


def write_new_picture(path: Path, pixels: Pixels, note: str = "") -> Path:
    """As write_picture, but never over a file that is there: the name gets a number.

    note: kept inside a JPEG as its comment (`edge.pictures.jpeg.read_note`). Returns the path written. Raises
    SinkError.
    """
    data = encode_picture(path, pixels)
    with cannot_be_written(path):
        return write_new(path, with_note(data, note) if note else data)


def encode_picture(path: Path, pixels: Pixels) -> bytes:
    """uint8 (H, W, 3) RGB as a file's bytes, by the path's suffix; JPEG without one. Raises SinkError."""
    cv2 = import_cv2()
    try:
        ok, data = cv2.imencode(path.suffix or ".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise SinkError(f"{path}: cannot be encoded ({error.err})", "use .jpg or .png") from error
    if not ok:
        raise SinkError(f"{path}: OpenCV cannot encode {path.suffix}", "use .jpg or .png")
    return bytes(data.tobytes())


@contextmanager
def cannot_be_written(path: Path) -> Iterator[None]:
    """The system's errors while a file is written, as SinkError."""
    try:
        yield
    except OSError as error:
        raise SinkError(
            f"{path}: cannot be written ({error.strerror})", "check the folder and the free space"
        ) from error
