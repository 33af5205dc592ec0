"""A new kind of sink is a file and an entry in `kinds.py`: a made-up one is known everywhere at once."""

import json
import logging
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from edge.commands.main import build_parser, main
from edge.commands.options import with_sinks
from edge.config.option import option
from edge.config.reading import Config, as_tables, example, load_config
from edge.doctor.groups import check_groups
from edge.doctor.report import all_checks, run_doctor
from edge.door import open_door
from edge.errors import ConfigError
from edge.host.findings import warn
from edge.sinks import jsonl, kinds, snapshot
from edge.sinks.base import SinkKind
from tests.boardtree import add_users, make_pi
from tests.builders import DATA
from tests.edge.doctor.builders import SERVICE, context
from tests.pipelines import ListSink, ListSource, scene

TINY = {
    "detector": {"model": str(DATA / "blobs.tflite")},
    "classifier": {"model": str(DATA / "brightness.tflite")},
    "accelerator": {"use": "cpu"},
}


@dataclass(frozen=True, slots=True)
class BellConfig:
    """A bell for the deaf: it shakes the floor."""

    pin: int = option(0, "GPIO of the bell; 0: there is none", 0)
    tune: str = option("ding", "ding or dong", choices=("ding", "dong"))


class Bell(ListSink):
    built: ClassVar[list] = []

    def __init__(self, config, surroundings):
        super().__init__("bell")
        self.built.append(self)
        self.config, self.surroundings = config, surroundings


BELL = SinkKind(
    "bell",
    BellConfig,
    is_on=lambda config: config.pin > 0,
    build=Bell,
    switch_on=lambda config: config if config.pin else replace(config, pin=4),
    pins=lambda config: [("pin", config.pin)] if config.pin else [],
    groups=lambda config: {"audio": "bell"} if config.pin else {},
    check=lambda config, machine: warn(f"the bell plays {config.tune} on {machine.architecture}", "listen"),
)


@pytest.fixture(autouse=True)
def bell(monkeypatch):
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, BELL))
    monkeypatch.setattr(Bell, "built", [])


@pytest.fixture
def tiny_models(monkeypatch):
    monkeypatch.setenv("MASK_EDGE_DETECTOR_MODEL", TINY["detector"]["model"])
    monkeypatch.setenv("MASK_EDGE_CLASSIFIER_MODEL", TINY["classifier"]["model"])


@pytest.fixture
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def configured(tmp_path, text: str, **flags) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path, {}, flags)


# --- a made-up sink


def test_its_table_is_read_from_file_environment_and_flags(tmp_path):
    assert configured(tmp_path, "").of(BELL) == BellConfig()
    assert configured(tmp_path, '[bell]\npin = 5\ntune = "dong"\n').of(BELL) == BellConfig(5, "dong")
    assert load_config(None, {"MASK_EDGE_BELL_PIN": "6"}).of(BELL).pin == 6
    assert configured(tmp_path, "[bell]\npin = 5\n", bell={"pin": 7}).of(BELL).pin == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[bell]\npim = 5\n", "unknown key 'pim' in \\[bell\\]; did you mean 'pin'"),
        ("[bell]\npin = -1\n", "bell.pin = -1 is below 0"),
        ('[bell]\ntune = "dang"\n', "bell.tune = 'dang' is not one of ding, dong"),
        ("[bel]\npin = 5\n", "unknown table \\[bel\\]; did you mean 'bell'"),
    ],
)
def test_its_table_is_checked(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        configured(tmp_path, text)


def test_its_table_is_in_the_example_and_shown(capsys, tmp_path):
    assert "# A bell for the deaf: it shakes the floor.\n[bell]\n" in example()
    assert "#pin = 0" in example()
    path = tmp_path / "config.toml"
    path.write_text("[bell]\npin = 5\n")
    assert main(["config", "show", "--json", "--config", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["bell"] == {"pin": 5, "tune": "ding"}


@pytest.mark.parametrize("text", ["[bell]\npin = 17\n", "[bell]\npin = 24\n"], ids=["lamp", "screen"])
def test_a_pin_that_another_sink_has_is_an_error(tmp_path, text):
    taken = text + '[gpio]\nred = 17\n[screen]\ndevice = "st7789"\n'
    with pytest.raises(ConfigError, match=r"is taken by the bell \(pin\)") as caught:
        configured(tmp_path, taken)
    assert caught.value.what.startswith(f"{tmp_path / 'config.toml'}: ")
    assert caught.value.cure == "give it another pin"


def test_a_flag_switches_it_on(tmp_path):
    arguments = build_parser().parse_args(["run", "--sink", "bell"])
    assert with_sinks(Config(), arguments.sink).of(BELL).pin == 4
    assert with_sinks(configured(tmp_path, "[bell]\npin = 5\n"), arguments.sink).of(BELL).pin == 5
    with pytest.raises(ConfigError, match=r"--sink: gpio.red = 4 is taken by the bell"):
        with_sinks(configured(tmp_path, "[gpio]\nred = 4\n"), arguments.sink)


def test_the_door_opens_it_and_closes_it(tmp_path):
    config = configured(tmp_path, "[bell]\npin = 5\n", door={"name": "front"}, **TINY)
    with open_door(config, lambda: None, ListSource([])) as door:
        (built,) = Bell.built
        assert built in door.sinks
        assert (built.config, built.surroundings.door) == (config.of(BELL), "front")
    assert built.closed == 1


def test_the_door_leaves_it_out_unless_it_is_on():
    open_door(load_config(None, {}, TINY), lambda: None, ListSource([])).close()
    assert not Bell.built


def test_it_gets_every_result_of_a_run(monkeypatch, tiny_models, logging_as_before):
    monkeypatch.setattr("edge.door.open_source", lambda *_: ListSource(scene(index) for index in range(4)))
    assert main(["run", "--sink", "bell"]) == 0
    (built,) = Bell.built
    assert [result.frame.index for result in built.results] == [0, 1, 2, 3]
    assert built.closed == 1


def test_the_doctor_asks_for_its_groups(tmp_path):
    add_users(make_pi(tmp_path), "mask-edge", "video")
    with (tmp_path / "etc/group").open("a") as file:
        file.write("audio:x:29:\n")
    machine = context(tmp_path, configured(tmp_path, "[bell]\npin = 5\n"), service=SERVICE)
    assert "audio (for the bell)" in check_groups(machine).detail


def test_the_doctor_has_its_check(tmp_path):
    config = configured(tmp_path, '[bell]\npin = 5\ntune = "dong"\n')
    checks = [check for check in all_checks() if check.name == "bell"]
    lines = []
    assert run_doctor(context(tmp_path, config), False, False, lines.append, checks) == 0
    assert lines[0].startswith("warn  bell           the bell plays dong on aarch64\n")
    assert lines[0].endswith("-> listen")


# --- those that the program has


def test_a_kind_has_a_name_of_its_own():
    names = [kind.name for kind in kinds.KINDS]
    assert len(set(names)) == len(names)
    assert set(names) < set(as_tables(Config()))


@pytest.mark.parametrize("kind", [kind for kind in kinds.KINDS if kind.switch_on], ids=lambda kind: kind.name)
def test_every_kind_is_on_once_it_was_switched_on(kind, caplog):
    off = Config()
    assert not kind.is_on(off.of(kind))
    on = with_sinks(off, [kind.name])
    assert kind.is_on(on.of(kind))
    assert with_sinks(on, [kind.name]) == on


def test_sink_jsonl_writes_to_stdout_unless_a_path_is_configured(tmp_path):
    assert with_sinks(Config(), ["jsonl"]).of(jsonl.KIND).path == "-"
    configured_path = configured(tmp_path, '[jsonl]\npath = "events.jsonl"\nframes = "all"\n')
    assert with_sinks(configured_path, ["jsonl"]) == configured_path


def test_sink_snapshot_writes_to_a_folder_beside_unless_one_is_configured(tmp_path):
    table = with_sinks(Config(), ["snapshot"]).of(snapshot.KIND)
    assert (table.directory, table.blur) == ("snapshots", True)
    configured_folder = configured(tmp_path, '[snapshot]\ndirectory = "/x"\nkeep = 3\n')
    assert with_sinks(configured_folder, ["snapshot"]) == configured_folder


def test_sink_jsonl_and_snapshot_on_the_command_line(
    tmp_path, monkeypatch, capfd, tiny_models, logging_as_before
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edge.door.open_source", lambda *_: ListSource(scene(index) for index in range(12)))
    assert main(["run", "--sink", "jsonl", "--sink", "snapshot"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert "pass" in {line["decision"]["state"] for line in lines}
    assert [path.name.endswith("_pass.jpg") for path in (tmp_path / "snapshots").iterdir()]
