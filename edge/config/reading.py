"""Configuration: TOML into frozen dataclasses. Precedence: defaults < file < `MASK_EDGE_*` environment < flags."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.config.indicators import GpioConfig, ScreenConfig, WindowConfig, check_pins
from edge.config.option import option as _option
from edge.errors import ConfigError

ENVIRONMENT_PREFIX = "MASK_EDGE_"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where frames come from."""

    uri: str = _option(
        "usb:0",
        "demo, picamera, usb:0, usb:/dev/v4l/by-id/..., rtsp://..., a video file, a picture, or a folder of pictures",
    )
    width: int = _option(640, "px, asked of a camera, as it is after its rotation", 64)
    height: int = _option(480, "px, asked of a camera", 48)
    fps: int = _option(15, "frames a second of a camera, at most", 1)
    wait: bool = _option(
        False,
        "a camera that is not there at the start is waited for, as a service wants it; otherwise that is an error",
    )
    stale_after_s: float = _option(2.0, "without a frame for so long, the decision is uncertain", 0.1)


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """How the camera hangs and exposes."""

    hflip: bool = _option(False, "mirror left and right")
    vflip: bool = _option(False, "mirror top and bottom")
    rotation: int = _option(
        0, "degrees clockwise, after the mirroring: 0, 90, 180 or 270", choices=(0, 90, 180, 270)
    )
    exposure_max_ms: float = _option(
        20.0,
        "camera module: longest exposure, so that moving faces are not smeared; 0: as long as a frame",
        0,
    )


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """Finding faces."""

    model: str = _option(
        "auto",
        "auto (for a door), wide (for a hall: more faces, above all small ones, nearly five times the time), cascade, or a .tflite file's path",
    )
    score_threshold: float = _option(
        0.0,
        "0..1; run asks more of a new face, by a fifth of what lacks to 1, and three quarters of one that it follows. 0: the card's",
        0,
    )
    threads: int = _option(0, "0: one per core, at most 4", 0)


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """Naming what a face wears."""

    model: str = _option("auto", "auto (the shipped classifier), or the path of a .tflite file with its card")
    threads: int = _option(0, "0: one per core, at most 4", 0)
    budget: int = _option(
        2, "classifications in one frame at most: a crowd must not collapse the frame rate", 1
    )
    settled_every_s: float = _option(0.5, "a face whose label is settled is looked at again so often", 0)


@dataclass(frozen=True, slots=True)
class AcceleratorConfig:
    """A Coral Edge TPU, which runs the *_edgetpu.tflite files beside the models."""

    use: str = _option(
        "auto",
        "auto (an Edge TPU if there is a good one), cpu, edgetpu (as auto, but the state is degraded without one)",
        choices=("auto", "cpu", "edgetpu"),
    )
    library: str = _option(
        "libedgetpu.so.1", "the Edge TPU's library: a name that the loader finds, or a path"
    )
    slow_at: float = _option(
        1.0, "an Edge TPU that takes more than so many times the CPU's time is not used", 0
    )


@dataclass(frozen=True, slots=True)
class DecisionConfig:
    """From faces to what the door says."""

    hold_s: float = _option(0.5, "so long must another label lead before it is believed", 0)
    min_on_s: float = _option(0.8, "a state stays at least so long", 0)
    min_face_px: float = _option(24.0, "lower faces stay unknown and do not take part", 1)
    max_faces: int = _option(
        0, "more confirmed faces than so many are denied; 1: the screen says ONE AT A TIME; 0: any number", 0
    )


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is written to stderr, or to the journal."""

    level: str = _option("info", "debug, info, warning, error", choices=("debug", "info", "warning", "error"))
    format: str = _option("text", "text or json", choices=("text", "json"))
    summary_every_s: float = _option(60.0, "one summary line every so often; 0: none", 0)


@dataclass(frozen=True, slots=True)
class JsonLinesConfig:
    """Events as JSON, one object a line."""

    path: str = _option("", "a file, or - for stdout; empty: off")
    frames: str = _option(
        "changes", "changes (events and decisions), or all (every frame)", choices=("changes", "all")
    )


@dataclass(frozen=True, slots=True)
class SnapshotConfig:
    """Annotated pictures of each new decision. Off by default: no picture leaves memory unless you ask for it."""

    directory: str = _option("", "folder to write to; empty: off")
    keep: int = _option(200, "the oldest pictures beyond so many are removed", 1)
    blur: bool = _option(True, "make faces unrecognisable before anything is stored")


@dataclass(frozen=True, slots=True)
class Config:
    """All of it; each field is a table of the file."""

    source: SourceConfig = field(default_factory=SourceConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    accelerator: AcceleratorConfig = field(default_factory=AcceleratorConfig)
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    log: LogConfig = field(default_factory=LogConfig)
    jsonl: JsonLinesConfig = field(default_factory=JsonLinesConfig)
    snapshot: SnapshotConfig = field(default_factory=SnapshotConfig)
    gpio: GpioConfig = field(default_factory=GpioConfig)
    screen: ScreenConfig = field(default_factory=ScreenConfig)
    window: WindowConfig = field(default_factory=WindowConfig)

    def __post_init__(self) -> None:
        check_pins(self.gpio, self.screen)


Tables = dict[str, dict[str, Any]]


def load_config(path: Path | None, environment: Mapping[str, str], flags: Tables | None = None) -> Config:
    """The configuration in force. flags: table -> key -> value, None values left out. Raises ConfigError naming file, key and cure."""
    tables: Tables = {}
    if path is not None:
        _merge(tables, read_file(path), str(path))
    _merge(tables, _from_environment(environment), "environment")
    chosen = {
        table: {key: value for key, value in keys.items() if value is not None}
        for table, keys in (flags or {}).items()
    }
    _merge(tables, chosen, "command line")
    types_ = _tables()
    try:
        return Config(**{name: types_[name](**keys) for name, keys in tables.items()})
    except ValueError as error:  # keys that are right each, and wrong together
        raise ConfigError(f"{path or 'configuration'}: {error}") from error


def read_file(path: Path) -> Tables:
    """The tables of a TOML file, not yet checked. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); `python -m edge config example` prints one to start from"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error})") from error
    for name, keys in data.items():
        if not isinstance(keys, dict):
            raise ConfigError(
                f"{path}: {name!r} stands outside any table; tables are {', '.join(f'[{table}]' for table in _tables())}"
            )
    return data


def example() -> str:
    """A configuration file with every key, its default and what it means; all commented out."""
    lines = ["# mask-edge configuration. Every line that is commented out shows the default.", ""]
    for name, table in _tables().items():
        lines += [f"# {table.__doc__}", f"[{name}]"]
        for item in dataclasses.fields(table):
            lines += [f"# {item.metadata['help']}", f"#{item.name} = {json.dumps(item.default)}"]
        lines.append("")
    return "\n".join(lines)


def as_tables(config: Config) -> Tables:
    """Plain dictionaries, table -> key -> value."""
    return dataclasses.asdict(config)


def as_toml(config: Config) -> str:
    """The whole configuration as a TOML file."""
    lines = []
    for name, keys in as_tables(config).items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines)


def _tables() -> dict[str, type]:
    return typing.get_type_hints(Config)


def _merge(into: Tables, tables: Tables, origin: str) -> None:
    """Check one layer and lay it over what is there."""
    known = _tables()
    for name, keys in tables.items():
        if name not in known:
            raise ConfigError(f"{origin}: unknown table [{name}]{_nearest(name, known)}")
        fields = {item.name: item for item in dataclasses.fields(known[name])}
        hints = typing.get_type_hints(known[name])
        for key, value in keys.items():
            if key not in fields:
                raise ConfigError(f"{origin}: unknown key {key!r} in [{name}]{_nearest(key, fields)}")
            into.setdefault(name, {})[key] = _check(
                value, hints[key], fields[key].metadata, f"{origin}: {name}.{key}"
            )


def _nearest(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _check(value: Any, kind: type, metadata: types.MappingProxyType[Any, Any], where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{where} = {value!r} is a {type(value).__name__}, a {kind.__name__} is needed")
    if metadata["choices"] and value not in metadata["choices"]:
        raise ConfigError(f"{where} = {value!r} is not one of {', '.join(map(str, metadata['choices']))}")
    if metadata["minimum"] is not None and value < metadata["minimum"]:
        raise ConfigError(f"{where} = {value!r} is below {metadata['minimum']}")
    return value


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
    """An environment text as its key's type; left as text where it does not fit, for `_check` to refuse."""
    kind = typing.get_type_hints(_tables().get(table, Config)).get(key, str)
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text
