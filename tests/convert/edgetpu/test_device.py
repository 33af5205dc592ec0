"""`convert.verify` on an Edge TPU, with the stand-in of tests/coral_fakes.py."""

import math

import pytest

from convert.edgetpu.device import run_on_edgetpu
from edge.config.tables import AcceleratorConfig
from edge.errors import ModelError
from edge.inference.coral.compiled import compiled_path
from tests.coral_fakes import answer, open_models, tiny_models


@pytest.fixture
def model(tmp_path):
    return open_models(tiny_models(tmp_path / "models"))[0]


def settings(library) -> AcceleratorConfig:
    return AcceleratorConfig(library=str(library), slow_at=math.inf)


def test_the_compiled_file_runs_on_the_stick_and_only_there(stick, model, library):
    def run():
        model._interpreter.invoke = None  # the CPU is not asked
        return answer(model)

    found, why = run_on_edgetpu(model, run, settings(library))
    assert why == ""
    assert found is not None
    assert model.accelerated is None


def test_without_stick_or_compiled_file_it_says_so(stick, model, library):
    stick.unplug()
    assert "plug it in" in run_on_edgetpu(model, lambda: 1, settings(library))[1]
    compiled_path(model.card.path).unlink()
    assert "python -m convert.compile" in run_on_edgetpu(model, lambda: 1, settings(library))[1]


def test_a_stick_that_fails_its_trial_is_not_compared(stick, tmp_path, library):
    detector = open_models(tiny_models(tmp_path / "models"))[1]
    stick.behave("wrong", "invoke")
    found, why = run_on_edgetpu(detector, lambda: 1, settings(library))
    assert found is None
    assert "answers wrongly" in why


def test_a_stick_lost_midway_gives_no_figure(stick, model, library):
    def run():
        stick.behave("fail", "invoke")
        return answer(model)

    with pytest.raises(ModelError, match="lost on the way"):
        run_on_edgetpu(model, run, settings(library))
