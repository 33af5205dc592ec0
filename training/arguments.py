"""Types of command line arguments that several commands take."""

from __future__ import annotations

import argparse

STRIDE = 32
"""Pixels between two cells of a detector's coarsest feature map; its input's sides are multiples of it."""


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
    value = float(text)
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not within 0..0.5")
    return value
