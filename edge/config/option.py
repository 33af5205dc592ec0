"""How a key of a configuration table is declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field
from typing import Any

_KEY = "option"


@dataclass(frozen=True, slots=True)
class Option:
    """What a key means and which values it takes."""

    text: str
    """For people; the unit comes first."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()


def option(
    default: Any,
    text: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str | int, ...] = (),
) -> Any:
    """A dataclass field with its default, what it means, and which values it takes."""
    metadata: Mapping[str, Any] = {_KEY: Option(text, minimum, maximum, choices)}
    return field(default=default, metadata=metadata)


def option_of(item: Field[Any]) -> Option:
    """The declaration of a field that `option` made."""
    declared: Option = item.metadata[_KEY]
    return declared
