"""Types of command line arguments that several commands take."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

STRIDE = 32
"""Pixels between two cells of a detector's coarsest feature map; its input's sides are multiples of it."""

LARGEST = 1_000_000_000
"""The largest whole number that an argument takes."""


def input_size(text: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT` of a detector's input as (width, height) px, multiples of STRIDE."""
    width, _, height = text.partition("x")
    if not (_is_side(width) and _is_side(height)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not WIDTHxHEIGHT in multiples of {STRIDE}, such as 384x288"
        )
    return int(width), int(height)


def _is_side(text: str) -> bool:
    return text.isdigit() and int(text) > 0 and int(text) % STRIDE == 0


def named_number(text: str) -> tuple[str, int]:
    """`NAME=NUMBER` as (name, number)."""
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER")
    return name, int(number)


def fraction(text: str) -> float:
    """A share of the groups to hold out, 0..0.5."""
    return _checked(text, lambda value: 0 <= value <= 0.5, "a number from 0 to 0.5")


def at_least(low: int) -> Callable[[str], int]:
    """A type for whole numbers from `low` to LARGEST."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= LARGEST:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {low} to {LARGEST}")
        return value

    return whole_number


def positive(text: str) -> float:
    """A number above 0, not infinite."""
    return _checked(text, lambda value: 0 < value < math.inf, "a number above 0")


def not_negative(text: str) -> float:
    """A number from 0, not infinite."""
    return _checked(text, lambda value: 0 <= value < math.inf, "a number from 0")


def limit(text: str) -> float:
    """A number above 0; `inf` is no limit."""
    return _checked(text, lambda value: value > 0, "a number above 0")


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _checked(text, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _checked(text: str, fits: Callable[[float], bool], what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not fits(value):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}")
    return value
