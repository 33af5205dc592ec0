"""The boxes of AVIF and JPEG 2000 files (ISO/IEC 14496-12, 23008-12, 15444-1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edge.types import Pixels

BOXES_AT_MOST = 10_000


class Box(NamedTuple):
    """A box: four letters that name it, and where its content lies, bytes."""

    name: bytes
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes between two offsets, one level deep."""
    end = len(data) if end is None else end
    for _ in range(BOXES_AT_MOST):
        if start + 8 > end:
            return
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        stop = end if size == 0 else min(start + size, end)  # less in a file that is cut short
        if stop < start + head:
            return
        yield Box(data[start + 4 : start + 8], start + head, stop)
        start = stop


def find(data: bytes, *path: bytes) -> Box | None:
    """The first box on a path of names, as `find(data, b"meta", b"iprp")`."""
    found = Box(b"", 0, len(data))
    for name in path:
        start = found.start + (4 if found.name == b"meta" else 0)  # a full box: version and flags
        inner = next((box for box in boxes(data, start, found.end) if box.name == name), None)
        if inner is None:
            return None
        found = inner
    return found


def avif_size(data: bytes) -> tuple[int, int]:
    """The largest width and height (px) that an AVIF states. Raises struct.error where it states none."""
    sizes = [
        struct.unpack_from(">II", data, box.start + 4) for box in _properties(data) if box.name == b"ispe"
    ]
    if not sizes:
        raise struct.error("no size")
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def turn_upright(data: bytes, pixels: Pixels) -> Pixels:
    """An AVIF's decoded picture, turned and mirrored as its `irot` and `imir` boxes ask for.

    OpenCV leaves that undone. Raises struct.error where the boxes are damaged.
    """
    properties = list(_properties(data))
    for number in _properties_of_main_item(data):
        if not 1 <= number <= len(properties):
            continue
        name, start, _ = properties[number - 1]
        if name == b"irot":
            pixels = np.rot90(pixels, data[start] & 3)  # anticlockwise, in steps of 90 degrees
        elif name == b"imir":
            pixels = pixels[:, ::-1] if data[start] & 1 else pixels[::-1]
    return np.ascontiguousarray(pixels)


def _properties(data: bytes) -> Iterator[Box]:
    container = find(data, b"meta", b"iprp", b"ipco")
    if container is not None:
        yield from boxes(data, container.start, container.end)


def _properties_of_main_item(data: bytes) -> list[int]:
    """The numbers (from 1) of the properties of the picture that is shown, in the order they apply in."""
    main, table = find(data, b"meta", b"pitm"), find(data, b"meta", b"iprp", b"ipma")
    if main is None or table is None:
        return []
    item = int.from_bytes(data[main.start + 4 : main.start + (8 if data[main.start] else 6)], "big")
    at, wide_item, wide_number = table.start + 8, data[table.start] > 0, data[table.start + 3] & 1
    (entries,) = struct.unpack_from(">I", data, table.start + 4)
    for _ in range(min(entries, BOXES_AT_MOST)):
        (number,) = struct.unpack_from(">I" if wide_item else ">H", data, at)
        at += 4 if wide_item else 2
        count, step = data[at], 2 if wide_number else 1
        numbers = data[at + 1 : at + 1 + count * step]
        at += 1 + count * step
        if number == item:
            mask = 0x7FFF if wide_number else 0x7F  # the highest bit says that the property is essential
            return [int.from_bytes(numbers[i : i + step], "big") & mask for i in range(0, len(numbers), step)]
    return []
