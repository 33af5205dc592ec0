"""Reads the whole configuration: TOML into frozen dataclasses.

Precedence: defaults < file < `MASK_EDGE_*` environment < flags.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import os
import re
import stat
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from edge.config.option import LARGEST_FLOAT, LARGEST_INT, Option, option_of
from edge.config.tables import (
    AcceleratorConfig,
    CameraConfig,
    ClassifierConfig,
    DecisionConfig,
    DetectorConfig,
    DoorConfig,
    SourceConfig,
)
from edge.errors import ConfigError
from edge.sinks import kinds
from edge.sinks.base import SinkKind

ENVIRONMENT_PREFIX = "MASK_EDGE_"
MOST_BYTES = 2**20
"""A configuration file has some kilobytes."""

KINDS_OF_VALUES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    list: "a list",
    dict: "a table",
}
"""What a value is, in words."""

DOOR_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A door's name can stand in a path, an address or a topic without quoting."""

Tables = dict[str, dict[str, Any]]
"""Table -> key -> value."""

Table = TypeVar("Table")


def _sink_tables() -> dict[str, Any]:
    """The default table of each kind of sink, by its name."""
    return {kind.name: kind.table() for kind in kinds.KINDS}


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Each field but the last is a table of the file.

    Raises ConfigError where keys do not fit together.
    """

    door: DoorConfig = field(default_factory=DoorConfig)
    source: SourceConfig = field(default_factory=SourceConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    accelerator: AcceleratorConfig = field(default_factory=AcceleratorConfig)
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    sinks: Mapping[str, Any] = field(default_factory=_sink_tables)
    """The table of each kind of sink, by its name."""

    def __post_init__(self) -> None:
        if not DOOR_NAME.fullmatch(self.door.name):
            raise ConfigError(f"door.name = {self.door.name!r} is not 1 to 64 letters, digits, - and _")
        _check_pins(self)

    def of(self, kind: SinkKind[Table]) -> Table:
        """The table of a kind of sink."""
        table: Table = self.sinks[kind.name]
        return table

    def having(self, kind: SinkKind[Table], table: Table) -> Config:
        """The same configuration with another table for a kind of sink.

        Raises ConfigError for a pin that another sink has.
        """
        return replace(self, sinks={**self.sinks, kind.name: table})

    def tables(self) -> dict[str, Any]:
        """Name -> table, in the order of the example."""
        own = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {**{name: table for name, table in own.items() if name != "sinks"}, **self.sinks}


def load_config(path: Path | None, environment: Mapping[str, str], flags: Tables | None = None) -> Config:
    """The configuration in force.

    flags: table -> key -> value, of the command line; a value of None means that the flag is not given.
    Raises ConfigError, which names the file, the key and what to do.
    """
    tables: Tables = {}
    if path is not None:
        _merge(tables, read_file(path), str(path))
    _merge(tables, _from_environment(environment), "environment")
    chosen = {
        table: {key: value for key, value in keys.items() if value is not None}
        for table, keys in (flags or {}).items()
    }
    _merge(tables, chosen, "command line")
    try:
        return _build(tables)
    except ConfigError as error:  # each key is right, but they do not fit together
        raise ConfigError(f"{path or 'configuration'}: {error.what}", error.cure) from error


def read_file(path: Path) -> Tables:
    """The tables of a TOML file, unchecked. Raises ConfigError."""
    try:
        data = tomllib.loads(_read_text(path))
    except RecursionError as error:
        raise ConfigError(f"{path}: not valid TOML (too many brackets inside each other)") from error
    except ValueError as error:  # TOML's own errors, wrong UTF-8, a number of too many digits
        raise ConfigError(f"{path}: not valid TOML ({error})") from error
    for name, keys in data.items():
        if not isinstance(keys, dict):
            known = ", ".join(f"[{table}]" for table in _tables())
            raise ConfigError(f"{path}: {name!r} stands outside any table", f"the tables are {known}")
    return data


def _read_text(path: Path) -> str:
    """A configuration file as text, without the byte order mark of some editors. Raises ConfigError."""
    start = "`python -m edge config example` prints one to start from"
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )  # a pipe must not be waited for
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})", start
        ) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigError(f"{path}: not a regular file", start)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES // 2**20} MB, no configuration", start)
    return data.decode("utf-8-sig")


def example() -> str:
    """A configuration file with every key, its default and what it means; all lines are commented out."""
    lines = ["# mask-edge configuration. Every line that is commented out shows the default.", ""]
    for name, table in _tables().items():
        lines += [*(f"# {line}".rstrip() for line in _summary(table)), f"[{name}]"]
        for item in dataclasses.fields(table):
            lines += [f"# {option_of(item).text}", f"#{item.name} = {json.dumps(item.default)}"]
        lines.append("")
    return "\n".join(lines)


def as_tables(config: Config) -> Tables:
    """Table -> key -> value, as plain dictionaries."""
    return {name: dataclasses.asdict(table) for name, table in config.tables().items()}


def as_toml(config: Config) -> str:
    """The whole configuration as a TOML file."""
    lines = []
    for name, keys in as_tables(config).items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines)


def _tables() -> dict[str, type[Any]]:
    """The type of each table, by its name."""
    return {name: type(table) for name, table in Config().tables().items()}


def _summary(table: type) -> list[str]:
    """The lines of a table's docstring, without their indentation."""
    return [line.strip() for line in (table.__doc__ or "").strip().splitlines() if line.strip()]


def _build(tables: Tables) -> Config:
    known = _tables()
    built = {name: known[name](**keys) for name, keys in tables.items()}
    sinks = {name: built.pop(name, default) for name, default in _sink_tables().items()}
    return Config(**built, sinks=sinks)


def _check_pins(config: Config) -> None:
    """Raises ConfigError where two sinks want the same pin of the header."""
    taken: dict[int, tuple[str, str]] = {}
    for kind in kinds.KINDS:
        for name, pin in kind.pins(config.of(kind)):
            other, what = taken.setdefault(pin, (kind.name, name))
            if other != kind.name:
                raise ConfigError(
                    f"{other}.{what} = {pin} is taken by the {kind.name} ({name})", "give it another pin"
                )


def _merge(into: Tables, tables: Tables, origin: str) -> None:
    """Check the keys of one layer, and let them replace those of the layers below."""
    known = _tables()
    for name, keys in tables.items():
        if name not in known:
            raise ConfigError(f"{origin}: unknown table [{name}]", _nearest(name, known))
        fields = {item.name: item for item in dataclasses.fields(known[name])}
        hints = typing.get_type_hints(known[name])
        for key, value in keys.items():
            if key not in fields:
                raise ConfigError(f"{origin}: unknown key {key!r} in [{name}]", _nearest(key, fields))
            allowed = option_of(fields[key])
            checked = _checked(value, hints[key], allowed, f"{origin}: {name}.{key}")
            into.setdefault(name, {})[key] = checked


def _nearest(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _checked(value: Any, kind: type[Any], allowed: Option, where: str) -> Any:
    """The value; an integer becomes a float where one is needed. Raises ConfigError."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) <= LARGEST_FLOAT else math.inf
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(
            f"{where} = {_shown(value)} is {KINDS_OF_VALUES.get(type(value), 'of another kind')}, "
            f"{KINDS_OF_VALUES[kind]} is needed"
        )
    if allowed.choices and value not in allowed.choices:
        raise ConfigError(f"{where} = {_shown(value)} is not one of {', '.join(map(str, allowed.choices))}")
    if kind is str:
        _check_text(value, where)
    if kind in (int, float):
        _check_number(value, allowed, where)
    return value


def _check_text(value: str, where: str) -> None:
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
        raise ConfigError(f"{where} = {_shown(value)} is below {allowed.minimum}")
    if abs(value) > maximum:
        raise ConfigError(f"{where} = {_shown(value)} is above {maximum:g}")


def _shown(value: object) -> str:
    """A value as it stands in a message; a long one is cut."""
    try:
        text = repr(value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a number of more than 4,300 digits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _from_environment(environment: Mapping[str, str]) -> Tables:
    """`MASK_EDGE_SOURCE_URI=demo` is `[source] uri = "demo"`; numbers and booleans as in TOML."""
    tables: Tables = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        table, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
        tables.setdefault(table, {})[key] = _parse_text(text, table, key)
    return tables


def _parse_text(text: str, table: str, key: str) -> Any:
    """A text of the environment as its key's type. One that does not fit stays a text, to be refused."""
    kind = typing.get_type_hints(_tables().get(table, Config)).get(key, str)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text
