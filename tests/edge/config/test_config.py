import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

import pytest

from edge.config.reading import Config, as_toml, example, load_config
from edge.errors import ConfigError
from edge.sinks import snapshot
from edge.sinks.kinds import KINDS


@dataclass(frozen=True)
class Own:
    """A table that is no sink's."""

    name: str
    table: type


OWN = [
    Own(name, type(table)) for name, table in Config().tables().items() if name not in {k.name for k in KINDS}
]


def write(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_defaults():
    assert load_config(None, {}) == Config()


def test_file_environment_and_flags_win_in_this_order(tmp_path):
    path = write(tmp_path, '[source]\nuri = "file"\nfps = 5\nwidth = 320\n[decision]\nhold_s = 2\n')
    environment = {"MASK_EDGE_SOURCE_URI": "environment", "MASK_EDGE_SOURCE_FPS": "7", "OTHER": "x"}
    config = load_config(path, environment, {"source": {"uri": "flag", "fps": None}})
    assert (config.source.uri, config.source.fps, config.source.width, config.source.height) == (
        "flag",
        7,
        320,
        480,
    )
    assert config.decision.hold_s == 2.0
    assert isinstance(config.decision.hold_s, float)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sorce]\n", r"config.toml: unknown table \[sorce\]; did you mean 'source'\?"),
        ("[source]\nurl = 'x'\n", r"unknown key 'url' in \[source\]; did you mean 'uri'\?"),
        ("[source]\nzzzzz = 1\n", r"unknown key 'zzzzz' in \[source\]; known are uri, width"),
        ("[source]\nfps = 'ten'\n", r"source.fps = 'ten' is a text in quotes, a whole number is needed"),
        ("[source]\nfps = true\n", r"source.fps = True is true or false"),
        ("[source]\nfps = 0\n", r"source.fps = 0 is below 1"),
        ("[snapshot]\nblur = 1\n", r"snapshot.blur = 1 is a whole number, true or false is needed"),
        ("[log]\nlevel = 'loud'\n", r"'loud' is not one of debug, info"),
        ("uri = 'x'\n", r"'uri' stands outside any table"),
        ("[source\n", r"not valid TOML"),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_cure(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(write(tmp_path, text), {})
    assert "config.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize(
    ("name", "value"),
    [("MASK_EDGE_SOURCE_FPS", "many"), ("MASK_EDGE_SOURCE_COLOUR", "1"), ("MASK_EDGE_NOTHING", "1")],
)
def test_mistakes_in_the_environment_are_errors_too(name, value):
    with pytest.raises(ConfigError, match="environment"):
        load_config(None, {name: value})


def test_booleans_in_the_environment():
    assert load_config(None, {"MASK_EDGE_SNAPSHOT_BLUR": "false"}).of(snapshot.KIND).blur is False
    with pytest.raises(ConfigError, match="true or false is needed"):
        load_config(None, {"MASK_EDGE_SNAPSHOT_BLUR": "maybe"})


def test_a_missing_file_points_to_the_example(tmp_path):
    with pytest.raises(ConfigError, match="config example"):
        load_config(tmp_path / "nothing.toml", {})


def test_the_example_is_valid_as_it_is_and_with_every_line_switched_on(tmp_path):
    assert load_config(write(tmp_path, example()), {}) == Config()
    on = "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in example().splitlines()
    )
    assert "\nuri = " in on
    assert load_config(write(tmp_path, on), {}) == Config()


def test_what_show_prints_can_be_read_back(tmp_path):
    config = load_config(
        None, {"MASK_EDGE_SOURCE_URI": 'a "quoted" name', "MASK_EDGE_DECISION_HOLD_S": "1.5"}
    )
    assert load_config(write(tmp_path, as_toml(config)), {}) == config


NUMBERS = [
    (kind.name, item.name, hint)
    for kind in [*OWN, *KINDS]
    for item in fields(kind.table)
    for hint in [get_type_hints(kind.table)[item.name]]
    if hint in (int, float)
]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "1" + "0" * 400, "1" + "0" * 5000])
@pytest.mark.parametrize(("table", "key", "kind"), NUMBERS)
def test_no_number_that_makes_no_sense_gets_past(tmp_path, table, key, kind, value):
    for path, environment in [
        (write(tmp_path, f"[{table}]\n{key} = {value}\n"), {}),
        (None, {f"MASK_EDGE_{table}_{key}".upper(): value}),
    ]:
        with pytest.raises(ConfigError) as caught:
            load_config(path, environment)
        assert caught.value.exit_code == 78
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gpio]\nstale_after_s = 61\n", "is above 60"),
        ("[gpio]\nrelay_max_on_s = 601\n", "is above 600"),
        ("[source]\nstale_after_s = 61\n", "is above 60"),
        ("[decision]\nmin_on_s = 61\n", "is above 60"),
        ("[decision]\nhold_s = 1e8\n", "is above 60"),
        ("[screen]\nwidth = 2000000000\n", "is above 4096"),
        ("[window]\nheight = 2000000000\n", "is above 16384"),
        (f"[door]\nname = '{'x' * 70_000}'\n", "a text of 70000 characters, 1000 at most"),
        (f"[source]\n{'x' * 70_000} = 1\n", "unknown key 'xxx"),
        (f"['{'x' * 70_000}']\n", "unknown table"),
        ('["\\u001b[2J"]\n', r"unknown table \['\\x1b"),
        (f"{'x' * 70_000} = 1\n", "stands outside any table"),
        ("a = " + "[" * 100_000, "not valid TOML"),
        ("[a." + "b." * 50_000 + "c]\nd = 1", "not valid TOML|unknown table"),
        ("[source]\nuri = 'a\\u0000b'\n".replace("'", '"'), "cannot be printed"),
        ("\x00", "not valid TOML"),
        ("x" * 2**21, "no configuration"),
    ],
)
def test_what_no_configuration_is_is_one_line_and_exit_code_78(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(write(tmp_path, text), {})
    assert caught.value.exit_code == 78
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_byte_order_mark_is_taken_for_what_it_is(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes("\ufeff[source]\nuri = 'demo'\n".encode())
    assert load_config(path, {}).source.uri == "demo"
    path.write_bytes("[source]\nuri = 'demo'\n".encode("utf-16"))
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(path, {})


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "nothing"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "config.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    with pytest.raises(ConfigError, match="config example"):
        load_config(path, {})
