"""Reading tables: CSV files that people, spreadsheets and programs wrote."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import DataError, MaskEdgeError
from training.datasets.places import shown

LARGEST = 512 * 2**20
"""Bytes of a table or an annotation file at most."""

DELIMITERS = (",", ";", "\t")
"""What may lie between two cells. Spreadsheets write ; where a comma is the decimal sign."""

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

SAVE_AS = 'save it as "CSV UTF-8"'
"""What to do about a table in another encoding."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    where: str
    """File and line, for messages."""
    cells: dict[str, str]
    """Column -> text without blanks around it; empty where the row has no such cell."""
    decimal_comma: bool = False
    """Whether 1,5 is a number."""

    def text(self, column: str) -> str:
        """The text of a cell; empty if the table has no such column."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        """The text of a cell. Raises DataError if it is empty."""
        text = self.text(column)
        if not text:
            raise DataError(f"{self.where}: the column {column} is empty", "fill it, or remove the line")
        return text

    def numbers(self, columns: Sequence[str]) -> tuple[float, ...] | None:
        """The numbers of some columns, which may be nan or infinite; None if all of them are empty.

        Raises DataError if only some are empty, or if one is no number.
        """
        if not any(self.text(column) for column in columns):
            return None
        return tuple(self._number(column) for column in columns)

    def _number(self, column: str) -> float:
        text = self.needed(column)
        try:
            return float(text.replace(",", ".") if self.decimal_comma else text)
        except ValueError:
            raise DataError(
                f"{self.where}: {column} is {shown(text)}, not a number",
                "correct it, or empty all of its kind",
            ) from None


def read_limited(path: Path, cure: str, error: type[MaskEdgeError] = DataError) -> bytes:
    """A file's content. Raises `error` if it is missing, no regular file, or larger than LARGEST."""
    try:
        if not path.is_file():
            kind = "not a file" if path.exists() else "no such file"
            raise error(f"{path}: {kind}", cure)
        size = path.stat().st_size
        if size > LARGEST:
            limit = f"{size / 2**20:.0f} MB, more than {LARGEST // 2**20} MB"
            raise error(f"{path}: {limit}", "split the data into several folders")
        return path.read_bytes()
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror})", cure) from cause


def read_table(path: Path, columns: Collection[str], cure: str = "", kind: str = "table") -> list[Row]:
    """The rows of a CSV file with a header. Empty lines are left out.

    Cells are parted by a comma, a semicolon or a tab; the text is UTF-8, or UTF-16 with its mark. columns:
    those that must be there. cure, kind: what to do about a file that lacks them, and what it should be.
    Raises DataError, with file, line and cause.
    """
    if not path.is_file():
        reason = "it is no file" if path.exists() else "no such file"
        raise DataError(f"{path}: not a {kind} ({reason})", cure or "check the path")
    text = _decoded(path, read_limited(path, "check its permissions"))
    delimiter = _delimiter(text, columns)
    lines = _lines(path, text, delimiter)
    _, header = next(lines, (0, []))
    names = [name.lower() if name.lower() in columns else name for name in header]
    _check_header(path, names, columns, cure, kind)
    return [
        Row(f"{path}, line {number}", _cells(names, cells, f"{path}, line {number}"), delimiter == ";")
        for number, cells in lines
    ]


def _check_header(path: Path, names: Sequence[str], columns: Collection[str], cure: str, kind: str) -> None:
    """Raise DataError for a header that lacks a column or has one twice."""
    missing = [column for column in columns if column not in names]
    if missing:
        there = f"it has {', '.join(shown(name) for name in names[:20])}" if names else "the file is empty"
        raise DataError(
            f"{path}: not a {kind} (its header has no column {' and no '.join(missing)}; {there})",
            cure or f"begin it with a line that names the columns {', '.join(columns)}",
        )
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise DataError(f"{path}: the column {shown(twice[0])} is there twice", "remove one of them")


def _decoded(path: Path, data: bytes) -> str:
    """The text of a table. Raises DataError with the line that cannot be decoded, or holds a NUL byte."""
    encoding = "utf-16" if data.startswith(UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise DataError(f"{path}, line {line}: the text is not {name}", SAVE_AS) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}, line {line}: holds a NUL byte: it is no text, or damaged", SAVE_AS)
    return text


def _delimiter(text: str, columns: Collection[str]) -> str:
    """What parts the cells: the first of DELIMITERS with which the header has all columns, else the comma."""
    header = next((line for line in io.StringIO(text) if line.strip()), "")
    for delimiter in DELIMITERS:
        names = {name.strip().strip('"').strip().lower() for name in header.split(delimiter)}
        if columns and set(columns) <= names and delimiter in header:
            return delimiter
    return ","


def _lines(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that is not empty. Raises DataError."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    first = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield first, stripped
            first = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {first}: cannot be read as CSV ({error})", "correct the quotes of this line"
        ) from error


def _cells(names: Sequence[str], cells: Sequence[str], where: str) -> dict[str, str]:
    """Column -> cell. Raises DataError for more cells than columns."""
    if any(cells[len(names) :]):
        raise DataError(
            f"{where}: {len(cells)} cells, the header has {len(names)} columns",
            'put "quotes" around a cell with a comma in it',
        )
    filled = [*cells, *[""] * (len(names) - len(cells))]
    return dict(zip(names, filled, strict=False))


def all_finite(numbers: Sequence[float]) -> bool:
    """Whether none is nan or infinite."""
    return all(math.isfinite(number) for number in numbers)
