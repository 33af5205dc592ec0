"""How an input becomes a hostile one: Hypothesis strategies for bytes, JSON and TOML."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Any

from hypothesis import strategies as st

MOST_EDITS = 6
ODD_BYTES = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xd9")
ODD_VALUES = (
    *(None, True, False, 0, -1, 1, 255, 2**31, 2**63, -(2**63), 10**400, 0.0, -0.0, 0.5, 1e-320, 1e308),
    *(float("nan"), float("inf"), -float("inf"), "", "\0", "a", "..", "/etc/passwd", "é" * 300, "9" * 5000),
    *([], {}, [[]], [None], [0] * 100, {"": None}, [{}], [["a", 1]], [1, 2], [float("nan")] * 4),
)
ODD_TOML = (
    *("nan", "inf", "-inf", "1e300", "-1e300", "0", "-1", "1", "0.5", "true", "''", "'a'"),
    *(
        "[]",
        "{}",
        "[[]]",
        "9223372036854775807",
        "9" * 5000,
        "'\\u0000'",
        '"\\u0000"',
        '"\\u202e"',
        "1979-05-27",
        "07:32:00",
    ),
)


class Edit(Enum):
    """What happens to a place of a file."""

    CUT = auto()
    FLIP = auto()
    REPLACE = auto()
    INSERT = auto()
    REMOVE = auto()
    REPEAT = auto()


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds after one to six edits."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, MOST_EDITS))):
        edit, at = draw(st.sampled_from(Edit)), draw(st.integers(0, len(data)))
        data = _edited(data, edit, at, draw(st.integers(1, 64)), draw(_odd_bytes()))
    return data


def cut_short(data: bytes, keep_off: int) -> st.SearchStrategy[bytes]:
    """The beginning of data, by at least `keep_off` bytes too short."""
    return st.integers(0, len(data) - keep_off).map(lambda end: data[:end])


@st.composite
def changed_json(draw: st.DrawFn, seeds: Sequence[Any]) -> bytes:
    """JSON in which one to three values became others, or went away."""
    data = json.loads(json.dumps(draw(st.sampled_from(seeds))))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(data))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
    return json.dumps(data).encode()


@st.composite
def odd_toml(draw: st.DrawFn, keys: Sequence[tuple[str, str]]) -> bytes:
    """TOML in which one to three keys have odd values. keys: (table, key)."""
    chosen = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique=True))
    lines = [f"{table}.{key} = {draw(st.sampled_from(ODD_TOML))}" for table, key in chosen]
    return "\n".join(lines).encode()


def _odd_bytes() -> st.SearchStrategy[bytes]:
    return st.sampled_from(ODD_BYTES) | st.binary(min_size=1, max_size=4)


def _edited(data: bytes, edit: Edit, at: int, length: int, new: bytes) -> bytes:
    before, after = data[:at], data[at:]
    match edit:
        case Edit.CUT:
            return before
        case Edit.FLIP:
            return before + bytes(byte ^ 1 << length % 8 for byte in after[:1]) + after[1:]
        case Edit.REPLACE:
            return before + new + after[len(new) :]
        case Edit.INSERT:
            return before + new + after
        case Edit.REMOVE:
            return before + after[length:]
        case Edit.REPEAT:
            return before + after[:length] + after


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (dict or list, key or index) inside a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
