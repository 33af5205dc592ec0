"""Reads a card's JSON strictly: each value has its kind and its bounds, and a mistake names its key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_SHA256 = re.compile(r"[0-9a-f]{64}")


class CardError(ValueError):
    """What is wrong with a card, with the name of its key."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The keys of one JSON object."""

    data: dict[str, Any]
    where: str = ""
    """The keys that lead to it, such as `detector.`."""

    @classmethod
    def parse(cls, text: str) -> Fields:
        """A whole card. Raises CardError."""
        try:
            data = json.loads(text, object_pairs_hook=_unique)
        except RecursionError:
            raise CardError("too many brackets inside each other") from None
        except ValueError as error:  # no JSON; also a number of too many digits
            raise CardError(str(error)) from error
        return cls._of(data, "it", "")

    @classmethod
    def _of(cls, value: Any, name: str, where: str) -> Fields:
        if not isinstance(value, dict):
            raise CardError(f"{name} is no object")
        return cls(value, where)

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def value(self, key: str) -> Any:
        """Whatever stands there."""
        if key not in self.data:
            raise CardError(f"lacks '{key}'" + (f" in {self.where[:-1]}" if self.where else ""))
        return self.data[key]

    def table(self, key: str) -> Fields:
        """An object."""
        name = f"{self.where}{key}"
        return self._of(self.value(key), name, f"{name}.")

    def rows(self, key: str, most: int = 100) -> Iterator[Any]:
        """The items of a list."""
        items = self.value(key)
        if not isinstance(items, list) or len(items) > most:
            raise CardError(f"{self.where}{key} must be a list of {most} items at most")
        yield from items

    def tables(self, key: str, most: int = 100) -> Iterator[Fields]:
        """The objects of a list."""
        for place, item in enumerate(self.rows(key, most)):
            name = f"{self.where}{key}[{place}]"
            yield self._of(item, name, f"{name}.")

    def text(self, key: str, most: int = 200) -> str:
        """A text of a line."""
        return _text(self.value(key), f"{self.where}{key}", most)

    def sha256(self, key: str) -> str:
        """A SHA-256, hexadecimal."""
        text = self.text(key)
        if not _SHA256.fullmatch(text):
            raise CardError(f"{self.where}{key} is no SHA-256")
        return text

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CardError(f"{self.where}{key} must be a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number within bounds. default: where the key is missing."""
        if default is not None and key not in self.data:
            return default
        return bounded(self.value(key), low, high, f"{self.where}{key}")

    def pair(self, key: str, low: float, high: float) -> tuple[float, float]:
        """Two numbers within bounds."""
        return pair(self.value(key), low, high, f"{self.where}{key}")

    def names(self, key: str, known: Sequence[str]) -> dict[str, str]:
        """An object of texts, some of whose keys may be missing, as may the object."""
        table = self.table(key) if key in self.data else Fields({})
        odd = [name for name in table.data if name not in known]
        if odd:
            raise CardError(f"{table.where}{odd[0][:40]} is none of {', '.join(known)}")
        return {name: table.text(name) for name in table.data}


def bounded(value: Any, low: float, high: float, name: str) -> float:
    """A number within bounds. Raises CardError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # NaN is not, either
        raise CardError(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def pair(value: Any, low: float, high: float, name: str) -> tuple[float, float]:
    """Two numbers within bounds. Raises CardError."""
    if not isinstance(value, list) or len(value) != 2:
        raise CardError(f"{name} must be a pair of numbers")
    return bounded(value[0], low, high, name), bounded(value[1], low, high, name)


def _text(value: Any, name: str, most: int) -> str:
    if not isinstance(value, str):
        raise CardError(f"{name} is no text")
    if not value or len(value) > most or not value.isprintable():
        raise CardError(f"{name} is no text of 1 to {most} printable characters")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise CardError("a key stands there twice")
    return data
