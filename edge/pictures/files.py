"""Reading and writing picture files. RGB inside; OpenCV's BGR stays in here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edge.errors import PictureError, SinkError
from edge.optional import import_cv2
from edge.pictures.jpeg import DAMAGED, has_scan, is_jpeg, jpeg_is_whole, with_note
from edge.types import Pixels
from edge.writing import write_new, write_whole

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
SAVE_AGAIN = "save it as JPEG or PNG"


def find_pictures(folder: Path) -> list[Path]:
    """All picture files below a folder, hidden ones left out, in a stable order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def read_picture(path: Path | str) -> Pixels:
    """A picture file as uint8 (H, W, 3) RGB, turned upright by its EXIF orientation.

    Grey, RGBA (alpha dropped), 16-bit and CMYK become 8-bit RGB.
    Raises PictureError, which names the file and the cause.
    """
    cv2 = import_cv2()
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(
            f"{path}: cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error
    if not data:
        raise PictureError(f"{path}: the file is empty", "copy it again")
    if _is_truncated(data):
        raise PictureError(f"{path}: {DAMAGED}", "copy it again")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureError(f"{path}: OpenCV refuses it ({error.err})", SAVE_AGAIN) from error
    if pixels is None and is_jpeg(data) and not jpeg_is_whole(data):
        raise PictureError(f"{path}: {DAMAGED}", "copy it again")
    if pixels is None:
        raise PictureError(f"{path}: not a picture that OpenCV can read", SAVE_AGAIN)
    pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    if is_jpeg(data) and not jpeg_is_whole(data, pixels):
        raise PictureError(f"{path}: {DAMAGED}", "copy it again")
    return pixels


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


def _is_truncated(data: bytes) -> bool:
    """Whether a PNG lacks its end, or a JPEG its scans."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    return is_jpeg(data) and not has_scan(data)
