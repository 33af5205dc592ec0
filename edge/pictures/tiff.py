"""The first directory of a TIFF file: its size, and where its pixels lie."""

from __future__ import annotations

import struct

WIDTH, HEIGHT, OFFSETS, SAMPLES, LENGTHS = 256, 257, 273, 277, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_LENGTHS = 322, 323, 324, 325
ORIENTATION = 274
_FORMS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers: bytes, 16, 32 and 64 bits."""

ENTRIES_AT_MOST = 4096
SAMPLES_AT_MOST = 8
"""Values of one pixel: more than RGBA in two resolutions is no photograph."""

Tags = dict[int, tuple[int, ...]]


def read_tags(data: bytes) -> Tags:
    """The whole numbers of the first directory, by tag. Raises struct.error where it is cut off."""
    order = "<" if data.startswith(b"II") else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, step, inline = start + (8 if big else 2), 20 if big else 12, 8 if big else 4
    tags: Tags = {}
    for number in range(min(count, ENTRIES_AT_MOST)):
        at = first + number * step
        tag, kind, length = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        if kind not in _FORMS or length > len(data):
            continue
        form = f"{order}{length}{_FORMS[kind]}"
        where = at + step - inline
        if struct.calcsize(form) > inline:
            (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
        tags[tag] = struct.unpack_from(form, data, where)
    return tags


def tiff_size(data: bytes) -> tuple[int, int]:
    """Width and height, px; of a tile where that is the larger one.

    Raises struct.error or ValueError where the file does not say, or has more values a pixel than a picture.
    """
    tags = read_tags(data)
    if max(tags.get(SAMPLES, (1,))) > SAMPLES_AT_MOST:
        raise ValueError("too many samples a pixel")
    sizes = [max(tags.get(tag, (0,))) for tag in (WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT)]
    return max(sizes[0], sizes[2]), max(sizes[1], sizes[3])


def lies_in_file(data: bytes) -> bool:
    """Whether every strip or tile lies within the file."""
    tags = read_tags(data)
    offsets = tags.get(OFFSETS) or tags.get(TILE_OFFSETS) or ()
    lengths = tags.get(LENGTHS) or tags.get(TILE_LENGTHS) or (0,) * len(offsets)
    return all(start + length <= len(data) for start, length in zip(offsets, lengths, strict=False))
