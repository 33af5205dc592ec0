"""Odd texts, numbers and JSON values, drawn from a `Random`."""

from __future__ import annotations

from random import Random
from typing import Any

WORDS = (
    *("nan", "-nan", "inf", "-inf", "1e400", "-1e400", "0x10", "1_000", "-0.0", "1e-400", "9" * 5000, "-1"),
    *(
        "true",
        "null",
        "None",
        "",
        " ",
        "\t",
        "\r\n",
        "\ufeff",
        "\u2028",
        "\x1b[2J",
        "\udce9",
        "é",
        "😀",
        "%s",
    ),
    *(
        "{}",
        "../../x",
        "/etc/passwd",
        "//",
        "~",
        ".",
        "-",
        "--help",
        '"',
        "'",
        "\\",
        "[",
        "]",
        "{",
        "}",
        "[[",
    ),
    *(
        "=",
        ",",
        ";",
        "#",
        "[" * 3000,
        '"""',
        "x" * 70_000,
        "1979-05-27T07:32:00Z",
        "\x00",
        "\u202e",
        "²",
        "٣",
    ),
)
"""What breaks readers of texts."""

NUMBERS = (0, 1, -1, 2, 3, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, -(2**63), 10**20)
FLOATS = (
    0.0,
    -0.0,
    0.5,
    1.0,
    -1.0,
    1e-9,
    1e-300,
    1e9,
    1e18,
    1e300,
    float("nan"),
    float("inf"),
    -float("inf"),
)


def few(random: Random) -> int:
    """1, seldom more, at most 8."""
    return next((count for count in range(1, 8) if random.random() < 0.6), 8)


def odd_text(random: Random) -> str:
    """A text of one or more odd words."""
    text = "".join(random.choice(WORDS) for _ in range(few(random)))
    return text if random.random() < 0.9 else text + chr(random.randrange(0x20, 0x3000))


def odd_value(random: Random, depth: int = 2) -> Any:
    """Any JSON value, mostly one that nobody expects."""
    kind = random.randrange(9)
    if kind < 2:
        return random.choice(NUMBERS)
    if kind < 4:
        return random.choice(FLOATS)
    if kind < 6:
        return odd_text(random)
    if kind == 6:
        return random.choice((None, True, False))
    items = [odd_value(random, depth - 1) for _ in range(random.randrange(4))] if depth else []
    return items if kind == 7 else {odd_text(random): item for item in items}
