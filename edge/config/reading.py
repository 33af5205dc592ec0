"""Reads the whole configuration: TOML into frozen dataclasses.

Precedence: defaults < file < `MASK_EDGE_*` environment < flags.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from edge.address import Address
from edge.config.option import option_of
from edge.config.tables import (
    AcceleratorConfig,
    CameraConfig,
    ClassifierConfig,
    DecisionConfig,
    DetectorConfig,
    DoorConfig,
    SourceConfig,
)
from edge.config.values import checked, shown, shown_name
from edge.errors import ConfigError
from edge.redact import HIDDEN
from edge.regular import read_regular
from edge.sinks import kinds
from edge.sinks.base import SinkKind

ENVIRONMENT_PREFIX = "MASK_EDGE_"
MOST_BYTES = 2**20
"""A configuration file has some kilobytes."""

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
            raise ConfigError(f"door.name = {shown(self.door.name)} is not 1 to 64 letters, digits, - and _")
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
    mistakes = _merge(tables, read_file(path), str(path)) if path is not None else []
    mistakes += _merge(tables, _from_environment(environment), "environment")
    chosen = {
        table: {key: value for key, value in keys.items() if value is not None}
        for table, keys in (flags or {}).items()
    }
    mistakes += _merge(tables, chosen, "command line")
    if mistakes:
        raise _together(mistakes)
    try:
        return _build(tables)
    except ConfigError as error:  # each key is right, but they do not fit together
        raise ConfigError(f"{path or 'configuration'}: {error.what}", error.cure) from error


def _together(mistakes: Sequence[ConfigError]) -> ConfigError:
    """One error for all mistakes, with the words of the first."""
    first, more = mistakes[0], len(mistakes) - 1
    are = "is 1 more mistake" if more == 1 else f"are {more} more mistakes"
    also = f"there {are}: `config check` lists all"
    error = ConfigError(first.what, "; ".join(filter(None, [first.cure, also if more else ""])))
    error.mistakes = tuple(mistakes)
    return error


def read_file(path: Path) -> Tables:
    """The tables of a TOML file, unchecked. Raises ConfigError."""
    content = _read(path)
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))  # some editors write a byte order mark
    except RecursionError as error:
        raise ConfigError(f"{path}: not valid TOML (too many brackets inside each other)") from error
    except ValueError as error:  # TOML's own errors, wrong UTF-8, a number of too many digits
        raise ConfigError(f"{path}: not valid TOML ({error})") from error
    for name, keys in data.items():
        if not isinstance(keys, dict):
            known = ", ".join(f"[{table}]" for table in _tables())
            raise ConfigError(f"{path}: {shown(name)} stands outside any table", f"the tables are {known}")
    return data


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or f"{error}: no configuration"
        raise ConfigError(
            f"{path}: cannot be read ({why})", "`python -m edge config example` prints one to start from"
        ) from error


def example() -> str:
    """A configuration file with every key, its default and what it means; all lines are commented out."""
    lines = ["# mask-edge configuration. Every line that is commented out shows the default.", ""]
    for name, table in _tables().items():
        lines += [*(f"# {line}".rstrip() for line in _summary(table)), f"[{name}]"]
        for item in dataclasses.fields(table):
            lines += [
                f"# {option_of(item).text}",
                f"#{item.name} = {json.dumps(_plain(item.default, False, True))}",
            ]
        lines.append("")
    return "\n".join(lines)


def as_tables(config: Config, secrets: bool = False) -> Tables:
    """Table -> key -> value, as plain dictionaries. secrets: show passwords, too."""
    return {
        name: {
            item.name: _plain(getattr(table, item.name), option_of(item).secret, secrets)
            for item in dataclasses.fields(table)
        }
        for name, table in config.tables().items()
    }


def as_toml(config: Config, secrets: bool = False) -> str:
    """The whole configuration as a TOML file. secrets: show passwords, too."""
    lines = []
    for name, keys in as_tables(config, secrets).items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines)


def _plain(value: Any, secret: bool, secrets: bool) -> Any:
    """A value as TOML and JSON know it."""
    if isinstance(value, Address):
        return value.reveal() if secrets else str(value)
    return HIDDEN if secret and value and not secrets else value


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


def _merge(into: Tables, tables: Tables, origin: str) -> list[ConfigError]:
    """Check the keys of one layer, and let them replace those of the layers below. Returns the mistakes."""
    known = _tables()
    mistakes = []
    for name, keys in tables.items():
        if name not in known:
            mistakes.append(
                ConfigError(f"{origin}: unknown table [{shown_name(name)}]", _nearest(name, known))
            )
            continue
        for key, value in keys.items():
            try:
                into.setdefault(name, {})[key] = _checked(known[name], key, value, f"{origin}: ", name)
            except ConfigError as error:
                mistakes.append(error)
    return mistakes


def _checked(table: type[Any], key: str, value: Any, origin: str, name: str) -> Any:
    """The value of one key of the table `name`. Raises ConfigError."""
    fields = {item.name: item for item in dataclasses.fields(table)}
    if key not in fields:
        raise ConfigError(f"{origin}unknown key {shown(key)} in [{name}]", _nearest(key, fields))
    return checked(value, typing.get_type_hints(table)[key], option_of(fields[key]), f"{origin}{name}.{key}")


def _nearest(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


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
