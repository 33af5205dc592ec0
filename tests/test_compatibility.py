"""What users have built on stays: commands, flags, configuration, and the keys of every JSON output.

data/compatibility.json holds all of them as they were before the packages were rearranged. More may come.
What is listed there must neither go nor change its meaning; a line is taken off that list only with an entry
in CHANGELOG.md that tells users what to do.
"""

import argparse
import ast
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.commands.main import main
from edge.commands.parser import build_parser
from edge.config.reading import Config, as_tables, load_config
from edge.doctor.report import all_checks
from edge.errors import ConfigError, MaskEdgeError, UsageError
from edge.host.logs import flush_log, set_up_logging
from edge.pictures.files import write_picture
from edge.sinks.jsonl import JsonLinesConfig, JsonLinesSink
from edge.types import Event, EventKind, Label, State, TrackStatus
from tests.builders import DATA, ROOT
from tests.edge.sinks.builders import make_result

FROZEN = json.loads((DATA / "compatibility.json").read_text())
JSON_TYPES = {bool: "boolean", int: "number", float: "number", str: "string"}


@pytest.fixture(autouse=True)
def log_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def tiny_models(monkeypatch):
    monkeypatch.setenv("MASK_EDGE_DETECTOR_MODEL", str(DATA / "blobs.tflite"))
    monkeypatch.setenv("MASK_EDGE_CLASSIFIER_MODEL", str(DATA / "brightness.tflite"))


def entries(kind: str, *names: str) -> list:
    """The frozen entries below this kind, as test parameters: (name, ..., value)."""
    rows = [()]
    table = {(): FROZEN[kind]}
    for _ in names:
        table = {(*row, key): value for row in rows for key, value in table[row].items()}
        rows = list(table)
    return [pytest.param(*row, table[row], id=" ".join(row)) for row in rows]


# --- the command line


def all_commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command; "" is the one before the command."""
    parser = build_parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {"": parser, **commands.choices}


@pytest.mark.parametrize(("command", "flag", "frozen"), entries("commands", "command", "flag"))
def test_every_flag_is_there_and_means_what_it_meant(command, flag, frozen):
    actions = {" ".join(a.option_strings) or a.dest: a for a in all_commands()[command]._actions}
    action = actions[flag]
    default = None if action.default is argparse.SUPPRESS else action.default
    assert default == frozen["default"]
    assert (action.nargs != 0) is frozen["takes_value"]
    if "choices" in frozen:
        assert set(frozen["choices"]) <= set(action.choices)


def test_no_new_flag_has_to_be_given():
    for name, parser in all_commands().items():
        for action in parser._actions:
            assert not (action.option_strings and action.required), f"{name} {action.option_strings}"


def test_exit_codes_stay():
    codes = FROZEN["exit_codes"]
    assert MaskEdgeError.exit_code == codes["failed"]
    assert UsageError.exit_code == codes["usage"]
    assert ConfigError.exit_code == codes["configuration"]


# --- the commands of the workstation, which need TensorFlow to run: their files are read, not imported


def module_path(name: str) -> Path | None:
    path = ROOT / Path(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def called_name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def own_flags(tree: ast.Module) -> set[str]:
    """Names that are given to `add_argument`, also where that is called `add`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    first = [call.args[0] for call in calls if called_name(call) in ("add", "add_argument")]
    return {argument.value for argument in first if isinstance(argument, ast.Constant)}


def imported_modules(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith(("training", "convert", "edge.commands"))}


def defines_a_parser(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "build_parser" for node in tree.body)


def flags_of(command: str) -> set[str]:
    """The flags of a command's module and of the helpers that it imports, but not of other commands."""
    waiting, seen, flags = [command], set(), set()
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        tree = ast.parse(path.read_text())
        if name == command or not defines_a_parser(tree):
            flags |= own_flags(tree)
            waiting += imported_modules(tree)
    return flags


@pytest.mark.parametrize(("command", "frozen"), entries("tools", "command"))
def test_every_flag_of_the_workstation_is_there(command, frozen):
    assert set(frozen) - flags_of(command) == set()


# --- the configuration


@pytest.mark.parametrize(("table", "key", "default"), entries("configuration", "table", "key"))
def test_every_key_is_there_with_its_default(table, key, default, tmp_path):
    now = as_tables(Config())
    assert now[table][key] == default
    path = tmp_path / "config.toml"
    path.write_text(f"[{table}]\n{key} = {json.dumps(default)}\n")
    assert as_tables(load_config(path, {})) == now


@pytest.mark.parametrize(("table", "key", "default"), entries("configuration", "table", "key"))
def test_every_key_can_be_set_by_the_environment(table, key, default):
    name = f"MASK_EDGE_{table}_{key}".upper()
    text = default if isinstance(default, str) else json.dumps(default)
    assert as_tables(load_config(None, {name: text})) == as_tables(Config())


# --- the words in JSON


@pytest.mark.parametrize(
    ("kind", "words"),
    [("labels", Label), ("states", State), ("events", EventKind), ("track_status", TrackStatus)],
)
def test_every_value_is_there(kind, words):
    assert set(FROZEN["values"][kind]) <= {str(word) for word in words}


def test_every_check_of_the_doctor_is_there():
    assert set(FROZEN["doctor_checks"]) <= {check.name for check in all_checks()}


# --- the keys in JSON


def shape(value: object, at: str = "") -> dict[str, str]:
    """Where each value lies and of which type it is: {"faces[].score": "number"}."""
    if isinstance(value, dict):
        parts = [shape(item, f"{at}.{key}".removeprefix(".")) for key, item in value.items()]
    elif isinstance(value, list):
        parts = [shape(item, f"{at}[]") for item in value]
    else:
        return {at: JSON_TYPES[type(value)]} if value is not None else {}
    return {key: kind for part in parts for key, kind in part.items()}


def assert_all_there(kind: str, value: object) -> None:
    found = shape(value)
    assert {key: found.get(key) for key in FROZEN["json"][kind]} == FROZEN["json"][kind]


def test_json_lines(tmp_path):
    event = Event(EventKind.CHANGED, 1, Label.UNKNOWN, Label.WITH_MASK, 0.0)
    result = make_result(events=[event])
    result = replace(result, frame=replace(result.frame, file="door.jpg"), degraded="the Edge TPU has gone")
    sink = JsonLinesSink(JsonLinesConfig(str(tmp_path / "events.jsonl")))
    sink.handle(result)
    sink.close()
    line = json.loads((tmp_path / "events.jsonl").read_text())
    assert_all_there("jsonl", line)
    assert line["decision"]["counts"] == {"with_mask": 1}


def test_image_json(tiny_models, tmp_path, capsys):
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[160:320, 160:320] = 255
    write_picture(tmp_path / "face.png", pixels)
    assert main(["image", "--json", str(tmp_path / "face.png")]) == 0
    assert_all_there("image", json.loads(capsys.readouterr().out))


def test_bench_json(tiny_models, capsys):
    assert main(["bench", "--frames", "2", "--json"]) == 0
    assert_all_there("bench", json.loads(capsys.readouterr().out))


def test_doctor_json(tiny_models, capsys):
    main(["doctor", "--quick", "--json"])
    assert_all_there("doctor", json.loads(capsys.readouterr().out))


def test_config_show_json(capsys):
    assert main(["config", "show", "--json"]) == 0
    assert_all_there("config", json.loads(capsys.readouterr().out))


def test_the_log_as_json(capsys):
    set_up_logging("info", "json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("edge.test").exception("it broke")
    flush_log()
    assert_all_there("log", json.loads(capsys.readouterr().err))
