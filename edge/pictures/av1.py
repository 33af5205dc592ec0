"""The size that the data of an AVIF state themselves: that is what is decoded, whatever the boxes say."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from edge.pictures.boxes import BOXES_AT_MOST, find

SEQUENCE_HEADER = 1
UNITS_AT_MOST = 16

Size = tuple[int, int]


def sizes(data: bytes) -> Iterator[Size]:
    """Width and height (px) of each AV1 sequence header: of the items, and of all configuration boxes.

    Raises struct.error or ValueError where it cannot be told.
    """
    for start in _item_starts(data):
        yield from _size_at(data, start)
    at = data.find(b"av1C")
    while at >= 0:
        yield from _size_at(data, at + 8)
        at = data.find(b"av1C", at + 4)


def _item_starts(data: bytes) -> Iterator[int]:
    """Where the bytes of each item begin (the box `iloc`, ISO/IEC 14496-12, 8.11.3)."""
    table = find(data, b"meta", b"iloc")
    if table is None:
        return
    inside = find(data, b"meta", b"idat")
    version, (offset_and_length, base_and_index) = data[table.start], data[table.start + 4 : table.start + 6]
    offset_size, length_size = offset_and_length >> 4, offset_and_length & 15
    base_size, index_size = base_and_index >> 4, base_and_index & 15 if version else 0
    fields = _Fields(data, table.start + 6)
    for _ in range(min(fields.number(4 if version == 2 else 2), BOXES_AT_MOST)):
        fields.number(4 if version == 2 else 2)  # the item's number
        method = fields.number(2) & 15 if version else 0
        fields.number(2)  # which file: this one
        base = fields.number(base_size)
        for _ in range(min(fields.number(2), BOXES_AT_MOST)):
            fields.number(index_size)
            offset = base + fields.number(offset_size)
            fields.number(length_size)
            yield offset + (inside.start if method == 1 and inside else 0)


class _Fields:
    """Whole numbers one after the other, the highest byte first."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def number(self, size: int) -> int:
        """size: bytes. Raises struct.error behind the end."""
        self._at += size
        if self._at > len(self._data):
            raise struct.error("cut short")
        return int.from_bytes(self._data[self._at - size : self._at], "big")


def _size_at(data: bytes, at: int) -> Iterator[Size]:
    """The size in the first sequence header among the units that begin here (AV1, 5.3), if there is one."""
    for _ in range(UNITS_AT_MOST):
        if at + 2 > len(data) or not data[at] & 2 or data[at] & 0x80:  # without a length, or no unit
            return
        kind, start = data[at] >> 3 & 15, at + 1 + (data[at] >> 2 & 1)
        length, start = _leb128(data, start)
        if kind == SEQUENCE_HEADER:
            yield _size(_Bits(data[start : start + length]))
            return
        at = start + length


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first; and the offset behind it."""
    value = 0
    for number, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * number
        if not byte & 0x80:
            return value, at + number + 1
    raise ValueError("no number")


class _Bits:
    """Bits one after the other, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data[:64], "big"), 8 * len(data[:64])

    def take(self, count: int) -> int:
        """Raises ValueError behind the end."""
        self._left -= count
        if self._left < 0:
            raise ValueError("cut short")
        return self._value >> self._left & (1 << count) - 1


def _size(bits: _Bits) -> Size:
    """Of a sequence header (AV1, 5.5.1). Raises ValueError; also for one with timing, as a film has."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.take(5)
    else:
        if bits.take(1):
            raise ValueError("with timing")
        delay = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            if bits.take(5) > 7:
                bits.take(1)
            if delay and bits.take(1):
                bits.take(4)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1
