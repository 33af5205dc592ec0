"""How a key of a configuration table is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from typing import Any

_KEY = "option"

LARGEST_INT, LARGEST_FLOAT = 2**31 - 1, 1e9
"""No setting needs a larger number, and many a library fails on one."""


@dataclass(frozen=True, slots=True)
class Option:
    """What a key means and which values it takes."""

    text: str
    """What the key means, for people; a unit comes first."""
    minimum: float | None = None
    """The smallest value; None: there is no limit."""
    maximum: float | None = None
    """The largest value; None: there is no limit."""
    choices: tuple[str | int, ...] = ()
    """The values that it takes; empty: any value of its type."""
    secret: bool = False
    """Whether its value is shown to nobody. Addresses need not say so: they hide what is secret in them."""


def option(
    default: Any,
    text: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str | int, ...] = (),
    secret: bool = False,
) -> Any:
    """A field of a configuration table: its default, what it means, and which values it takes."""
    metadata: Mapping[str, Any] = {_KEY: Option(text, minimum, maximum, choices, secret)}
    return field(default=default, metadata=metadata)


def option_of(item: Field[Any]) -> Option:
    """What `option` declared for this field."""
    declared: Option = item.metadata[_KEY]
    return declared
