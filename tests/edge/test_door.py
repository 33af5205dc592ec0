"""What is built from one configuration."""

import json
import threading

import pytest

from edge.config.reading import Config, DetectorConfig, load_config
from edge.door import Door, build_pipeline, build_sinks, open_door
from edge.errors import ConfigError, ModelError, SinkError
from edge.host.sdnotify import Notifier, Supervision
from edge.inference.shipped import build_detector
from edge.sinks import kinds
from edge.sinks.base import SinkKind, Surroundings
from edge.sinks.window.config import WindowConfig
from tests.builders import DATA
from tests.pipelines import ListSink, ListSource, build, scene

TINY = {
    "detector": {"model": str(DATA / "blobs.tflite")},
    "classifier": {"model": str(DATA / "brightness.tflite")},
    "accelerator": {"use": "cpu"},
}


def configured(**tables) -> Config:
    return load_config(None, {}, TINY | tables)


def kind_of(name, build, must_open=False) -> SinkKind:
    """A kind of sink that is always on; its table is one that any configuration has."""
    return SinkKind(name, WindowConfig, lambda table: True, build, must_open=must_open)


def failing(error):
    def build(table, surroundings):
        raise error

    return build


def nothing():
    """For a door that nobody asks to end."""


def test_a_followed_face_needs_less_than_a_new_one():
    """`build_detector` alone, as `edge image` has it, keeps the whole threshold."""
    config = Config(detector=DetectorConfig(score_threshold=0.6))
    pipeline = build_pipeline(config, live=False)
    assert (pipeline.tracker.sure_score, pipeline.min_score) == (pytest.approx(0.68), pytest.approx(0.45))
    assert build_detector(config.detector).score_threshold == 0.6
    cascade = build_pipeline(Config(detector=DetectorConfig(model="cascade")), live=False)
    assert (cascade.tracker.sure_score, cascade.min_score) == (0.0, None)


def test_the_source_that_is_passed_in_is_the_doors(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.door.open_source", failing(AssertionError("the configured source was opened")))
    path = tmp_path / "lines.jsonl"
    config = configured(door={"name": "front"}, jsonl={"path": str(path), "frames": "all"})
    source = ListSource(scene(index) for index in range(3))
    door = open_door(config, nothing, source)
    assert (door.name, door.source) == ("front", source)
    door.run(2.0, threading.Event(), Supervision(Notifier({})))
    assert [json.loads(line)["door"] for line in path.read_text().splitlines()] == ["front"] * 3
    assert (door.counts.frames, source.closed) == (3, 1)


def test_without_a_source_the_configured_one_is_opened(monkeypatch):
    source, asked = ListSource([]), []

    def opened(source_table, camera_table, preview):
        asked.append((source_table.uri, source_table.wait, preview))
        return source

    monkeypatch.setattr("edge.door.open_source", opened)
    with open_door(configured(source={"uri": "usb:7", "wait": True}), nothing) as door:
        assert door.source is source
    assert asked == [("usb:7", True, (64, 48))]
    assert source.closed == 1


def test_closing_twice_and_with_a_part_that_cannot_be_closed(caplog):
    class Broken(ListSink):
        def close(self):
            super().close()
            raise RuntimeError("stuck")

    source, sinks = ListSource([]), [Broken("broken"), ListSink()]
    door = Door("door", source, build(), sinks)
    door.close()
    assert (source.closed, sinks[0].closed, sinks[1].closed) == (1, 1, 1)
    assert "broken cannot be closed: RuntimeError: stuck" in caplog.text
    door.close()


def test_a_sink_that_must_open_and_cannot_leaves_nothing_open(monkeypatch):
    first, source = ListSink(), ListSource([])
    made_up = (
        kind_of("first", lambda table, surroundings: first),
        kind_of("second", failing(SinkError("the disk is full", "make room")), must_open=True),
    )
    monkeypatch.setattr(kinds, "KINDS", made_up)
    with pytest.raises(SinkError, match="the disk is full"):
        open_door(configured(), nothing, source)
    assert (first.closed, source.closed) == (1, 1)


def test_a_sink_that_may_be_missing_is_logged_and_the_others_open(monkeypatch, caplog):
    last, source = ListSink(), ListSource([])
    made_up = (
        kind_of("lamp", failing(SinkError("no lamp", "buy one"))),
        kind_of("bell", failing(KeyError("pin"))),
        kind_of("last", lambda table, surroundings: last),
    )
    monkeypatch.setattr(kinds, "KINDS", made_up)
    with open_door(configured(), nothing, source) as door:
        assert door.sinks == [last]
    assert "no lamp; buy one; the rest goes on without it" in caplog.text
    assert "bell: KeyError: 'pin'; the rest goes on without it" in caplog.text
    assert last.closed == 1


@pytest.mark.parametrize("error", [SinkError("no disk"), KeyboardInterrupt()])
def test_sinks_are_closed_whatever_ends_their_building(monkeypatch, error):
    first = ListSink()
    made_up = (
        kind_of("first", lambda table, surroundings: first),
        kind_of("second", failing(error), must_open=True),
    )
    monkeypatch.setattr(kinds, "KINDS", made_up)
    with pytest.raises(type(error)):
        build_sinks(Config(), Surroundings())
    assert first.closed == 1


def test_a_model_that_cannot_be_used_closes_the_source():
    source = ListSource([])
    with pytest.raises(ModelError):
        open_door(configured(detector={"model": "/nowhere.tflite"}), nothing, source)
    assert source.closed == 1


def test_a_model_that_cannot_run_gives_the_accelerator_back(monkeypatch):
    source, pipeline, closed = ListSource([]), build(), []
    monkeypatch.setattr("edge.door.build_pipeline", lambda config, live: pipeline)
    monkeypatch.setattr("edge.pipeline.Pipeline.warm_up", failing_method(ModelError("broken")))
    monkeypatch.setattr("edge.pipeline.Pipeline.close", lambda self: closed.append(self))
    with pytest.raises(ModelError, match="broken"):
        open_door(configured(), nothing, source)
    assert (closed, source.closed) == ([pipeline], 1)


def failing_method(error):
    def method(self):
        raise error

    return method


def test_the_sinks_know_their_door(monkeypatch):
    seen = []

    def build_sink(table, surroundings):
        seen.append(surroundings)
        return ListSink()

    monkeypatch.setattr(kinds, "KINDS", (kind_of("curious", build_sink),))
    with open_door(configured(door={"name": "back_2"}), nothing, ListSource([], live=True)) as door:
        (surroundings,) = seen
        assert (surroundings.door, surroundings.live, surroundings.quit) == ("back_2", True, nothing)
        assert surroundings.counts is door.counts


@pytest.mark.parametrize("name", ["", "front door", "a/b", "Tür", "x" * 65, "a\n"])
def test_a_name_with_other_characters_is_a_configuration_error(name):
    with pytest.raises(ConfigError, match=r"door\.name") as caught:
        configured(door={"name": name})
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "front-2_B", "x" * 64])
def test_names_that_may_be(name):
    assert configured(door={"name": name}).door.name == name
