"""How a key of a configuration table is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def option(default: Any, text: str, minimum: float | None = None, choices: tuple[str | int, ...] = ()) -> Any:
    """A dataclass field with its default, what it means, and what is allowed; `edge.config.reading` reads them."""
    return field(default=default, metadata={"help": text, "minimum": minimum, "choices": choices})
