"""The trial of the Edge TPU against a library that really crashes, hangs, fails, answers wrongly or late."""

import dataclasses
import signal
import time

import numpy as np
import pytest

from edge.config.reading import load_config
from edge.doctor.probe import probe_coral
from edge.inference.coral.trial import distance, measure
from tests.coral_fakes import AFTER, answer, make_accelerator, tiny_models

FAILURES = [
    ("fail", "load", "cannot open the Coral USB stick"),
    ("crash", "load", "crashed (load: SIGSEGV); usually Google's libedgetpu of 2021"),
    ("crash", "allocate", "crashed (allocate: SIGSEGV)"),
    ("fail", "allocate", "does not take the model"),
    ("abort", "invoke", "crashed (invoke: SIGABRT)"),
    ("fail", "invoke", "USB transfer error 5"),
    ("wrong", "invoke", "answers wrongly"),
]


@pytest.mark.parametrize(("word", "stage", "message"), FAILURES)
def test_each_failure_of_the_trial_is_named_and_leaves_the_cpu(
    stick, models, library, clock, log, word, stage, message
):
    expected = [answer(model) for model in models]
    stick.behave(word, stage)
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
        assert accelerator.degraded is None  # nothing was lost: it never ran there
        got = [answer(model) for model in models]
    assert [[a.tolist() for a in one] for one in got] == [[b.tolist() for b in one] for one in expected]
    (record,) = [record for record in log.records if record.levelname == "WARNING"]
    assert message in record.getMessage()
    assert "The CPU runs the models; next try in 5 s" in record.getMessage()


@pytest.mark.parametrize("stage", ["load", "allocate", "invoke"])
def test_a_child_that_hangs_is_killed_at_its_deadline(stick, models, library, clock, log, stage):
    stick.behave("hang", stage)
    with make_accelerator(models, library, clock, start_s=30.0) as accelerator:
        answer(models[0])
        patience = time.monotonic() + 60
        while accelerator._child._stage != stage:
            assert time.monotonic() < patience
            accelerator._advance(0.1)
        process = accelerator._child._process
        clock.now += 30
        answer(models[0])
        assert accelerator._child is None
        assert process.returncode == -signal.SIGKILL
    assert f"hangs ({stage}: no answer within 30 s)" in log.text
    assert "unplug it" in log.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("speed", "words"), [(480, "its port runs at 480 Mbit/s"), (5000, "python -m convert.inspect")]
)
def test_a_slow_stick_is_named_with_its_port(stick, models, library, clock, log, speed, words):
    stick.plug(AFTER, speed)
    stick.behave("slow", "invoke")
    with make_accelerator(models, library, clock, slow_at=1.0) as accelerator:
        assert not accelerator.start()
    assert "the Edge TPU is slow" in log.text
    assert words in log.text


def test_a_library_that_is_not_there_names_what_to_install(stick, models, clock, log, tmp_path):
    with make_accelerator(models, tmp_path / "libedgetpu.so.1", clock) as accelerator:
        assert not accelerator.start()
    assert "cannot be loaded" in log.text
    assert "feranick/libedgetpu" in log.text


def test_a_compiled_file_with_other_tensors_is_refused(stick, models, library, clock, log):
    models[0].output_specs = tuple(
        dataclasses.replace(spec, zero_point=spec.zero_point + 1) for spec in models[0].output_specs
    )
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
    assert "the compiled model is not this model's" in log.text


def fake_pycoral(folder, body, monkeypatch):
    package = folder / "python/pycoral/utils"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "edgetpu.py").write_text(body)
    monkeypatch.syspath_prepend(folder / "python")
    monkeypatch.setenv("PYTHONPATH", str(folder / "python"))


def test_pycoral_is_used_where_it_works(stick, models, clock, tmp_path, monkeypatch, log):
    trace = tmp_path / "asked"
    body = f"""
from edge.inference.interpreter import import_runtime
def make_interpreter(path):
    open({str(trace)!r}, "a").write(path)
    return import_runtime().module.Interpreter(model_path=path)
"""
    fake_pycoral(tmp_path, body, monkeypatch)
    with make_accelerator(models, tmp_path / "no_such_library.so", clock) as accelerator:
        assert accelerator.start()
    assert "brightness_edgetpu.tflite" in trace.read_text()


@pytest.mark.parametrize(
    "body",
    [
        "raise ImportError('built for Python 3.9')",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "BRAINS = 7  # PyPI's pycoral",
    ],
)
def test_a_broken_pycoral_is_done_without(stick, models, library, clock, tmp_path, monkeypatch, body):
    fake_pycoral(tmp_path, body, monkeypatch)
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()


def test_a_constant_answer_of_either_shipped_kind_is_far_from_right(models):
    reference = measure(models)
    for outputs in reference.outputs:
        assert max(distance(np.zeros_like(tensor), tensor) for tensor in outputs) > 6


def test_measuring_leaves_the_waiting_frame_alone(models):
    models[0].set_input(np.full((16, 16, 3), 255, np.uint8))
    measure(models)
    models[0].invoke()
    assert int(models[0].outputs()[0].values.argmax()) == 0


def test_distances_are_in_steps_and_nan_is_no_distance():
    assert distance(np.array([1, 3], np.int8), np.array([2, -128], np.int8)) == pytest.approx((1 + 131) / 2)
    assert distance(np.array([0.0, 1.0]), np.array([0.0, 2.55])) == pytest.approx(155 / 2)
    assert not distance(np.array([np.nan]), np.array([1.0])) <= 6


def test_the_child_needs_nothing_of_the_working_directory(
    stick, models, library, clock, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()


@pytest.mark.parametrize(
    ("word", "in_use", "words"),
    [("good", True, "Edge TPU in use"), ("crash", False, "crashed (load: SIGSEGV)")],
)
def test_the_doctor_makes_the_same_trial(stick, tmp_path, library, word, in_use, words):
    paths = tiny_models(tmp_path / "models")
    stick.behave(word, "load")
    tables = {
        "classifier": {"model": str(paths[0])},
        "detector": {"model": str(paths[1])},
        "accelerator": {"library": str(library), "slow_at": 1e6},
    }
    answer = probe_coral(load_config(None, {}, tables))
    assert answer["in_use"] is in_use
    assert words in f"{answer['what']}; {answer['cure']}"
