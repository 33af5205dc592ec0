"""Checks one value of the configuration: its kind, its limits, and what may not stand in it."""

from __future__ import annotations

import math
from typing import Any

from edge.address import Address
from edge.config.option import LARGEST_FLOAT, LARGEST_INT, Option
from edge.errors import ConfigError
from edge.redact import redacted

KINDS_OF_VALUES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    Address: "a text in quotes",
    list: "a list",
    dict: "a table",
}
"""What a value is, in words."""


LONGEST_TEXT = 1000
"""Characters: no path, address or name is longer, and a message could not show it."""


def checked(value: Any, kind: type[Any], allowed: Option, where: str) -> Any:
    """The value: an integer becomes a float, and a text an address, where one is needed.

    where: the key, for messages. Raises ConfigError.
    """
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) <= LARGEST_FLOAT else math.inf
    _check_kind(value, str if kind is Address else kind, allowed.secret or kind is Address, where)
    if allowed.choices and value not in allowed.choices:
        raise ConfigError(f"{where} = {shown(value)} is not one of {', '.join(map(str, allowed.choices))}")
    if isinstance(value, str):
        _check_text(value, where)
    if kind in (int, float):
        _check_number(value, allowed, where)
    return _address(value, where) if kind is Address else value


def _check_kind(value: Any, kind: type[Any], secret: bool, where: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(
            f"{where}{'' if secret else f' = {shown(value)}'} "
            f"is {KINDS_OF_VALUES.get(type(value), 'of another kind')}, {KINDS_OF_VALUES[kind]} is needed"
        )


def _address(text: str, where: str) -> Address:
    address = Address(text)
    if address.fault is not None:
        raise ConfigError(f"{where}: {address.fault.what}", address.fault.cure)
    return address


def _check_text(value: str, where: str) -> None:
    if len(value) > LONGEST_TEXT:
        raise ConfigError(f"{where} is a text of {len(value)} characters, {LONGEST_TEXT} at most")
    odd = next((character for character in value if not character.isprintable()), None)
    if odd is not None:
        raise ConfigError(f"{where} holds a character that cannot be printed ({odd!r})", "take it out")


def _check_number(value: float, allowed: Option, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(
            f"{where} is not a finite number of a size that makes sense", "give an ordinary number"
        )
    largest = LARGEST_INT if isinstance(value, int) else LARGEST_FLOAT
    maximum = largest if allowed.maximum is None else allowed.maximum
    if allowed.minimum is not None and value < allowed.minimum:
        raise ConfigError(f"{where} = {shown(value)} is below {allowed.minimum}")
    if abs(value) > maximum:
        raise ConfigError(f"{where} = {shown(value)} is above {maximum:g}")


def shown_name(name: str) -> str:
    """The name of a table as it stands in a message: in quotes, and cut, only where it is an odd one."""
    return redacted(name) if name.isprintable() and len(name) <= 80 else shown(name)


def shown(value: object) -> str:
    """A value as it stands in a message, without a password; a long one is cut."""
    try:
        text = redacted(repr(value)) if not isinstance(value, str) else repr(redacted(value))
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a number of more than 4,300 digits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
