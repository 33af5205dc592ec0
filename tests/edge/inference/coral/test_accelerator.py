"""The Edge TPU's child process against a library that really crashes, hangs, fails, answers wrongly or late."""

import dataclasses
import json
import logging
import os
import signal
import time

import numpy as np
import pytest

from edge.config.reading import load_config
from edge.doctor.probe import probe_coral
from edge.inference.coral.trial import distance, measure, trial_picture
from edge.inference.interpreter import TFLiteModel
from tests.coral_fakes import AFTER, BEFORE, Clock, make_accelerator, open_models, tiny_models


@pytest.fixture
def models(tmp_path):
    return open_models(tiny_models(tmp_path / "models"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog


def answer(model: TFLiteModel) -> list[np.ndarray]:
    picture = trial_picture(model.card.width, model.card.height)[::-1].copy()
    return [output.values for output in model.run(picture)]


def pid(accelerator) -> int:
    return accelerator._child._process.pid


# --- the trial goes well


@pytest.mark.parametrize("identity", [BEFORE, AFTER])
def test_a_good_stick_is_used_and_says_the_same_as_the_cpu(stick, models, library, clock, log, identity):
    stick.plug(identity)
    expected = [answer(model) for model in models]
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        on_cpu = []
        for model in models:
            model._interpreter.invoke = None  # the CPU is not asked
            on_cpu.append(model.accelerated)
        got = [answer(model) for model in models]
        assert accelerator.degraded == ""
        assert "Edge TPU in use (Coral USB stick at 5000 Mbit/s" in log.text
        assert "brightness" in accelerator.text
        assert "blobs" in accelerator.text
    for one, other in zip(got, expected, strict=True):
        assert [a.shape for a in one] == [b.shape for b in other]
        assert max(distance(a, b) for a, b in zip(one, other, strict=True)) <= 2
    assert all(model.accelerated is None for model in models)


def test_the_cpu_decides_until_the_trial_is_over(stick, models, library, clock):
    with make_accelerator(models, library, clock) as accelerator:
        expected = answer(open_models([models[0].card.path])[0])
        first = answer(models[0])  # starts the child; its own frame must not be lost to the trial's picture
        assert not accelerator.in_use
        assert [a.tolist() for a in first] == [b.tolist() for b in expected]
        assert accelerator.start()


def test_each_frame_gets_its_own_answer_and_its_own_memory(stick, models, library, clock):
    classifier = models[0]
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        white = classifier.run(np.full((16, 16, 3), 255, np.uint8))[0].values
        black = classifier.run(np.zeros((16, 16, 3), np.uint8))[0].values
        assert int(white.argmax()) == 0
        assert int(black.argmax()) == 1


def test_one_model_without_a_compiled_file_stays_on_the_cpu(stick, tmp_path, library, clock, log):
    paths = tiny_models(tmp_path / "models")
    (tmp_path / "models/blobs_edgetpu.tflite").unlink()
    models = open_models(paths)
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        assert "blobs" not in accelerator.text
        assert len(answer(models[1])) == 2
    assert "blobs_edgetpu.tflite not found" in log.text


# --- no trial at all


def test_without_a_stick_nothing_is_started_and_nothing_said(stick, models, library, clock, log):
    stick.unplug()
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
        assert accelerator.degraded == ""
        answer(models[0])
    assert log.text == ""


def test_without_the_stick_that_is_required_the_state_is_degraded(stick, models, library, clock, log):
    stick.unplug()
    with make_accelerator(models, library, clock, required=True) as accelerator:
        assert not accelerator.start()
        assert "plug it in" in accelerator.degraded
    assert [record.levelname for record in log.records] == ["WARNING"]


def test_missing_compiled_files_name_what_to_type(stick, tmp_path, library, clock, log):
    models = open_models(tiny_models(tmp_path / "plain", twins=False))
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
    assert "python -m convert.compile brightness.tflite blobs.tflite --co-compile --out ." in log.text


def test_a_file_compiled_from_another_model_is_refused(stick, tmp_path, library, clock, log):
    paths = tiny_models(tmp_path / "models")
    card = tmp_path / "models/blobs_edgetpu.json"
    data = json.loads(card.read_text())
    card.write_text(json.dumps(data | {"edgetpu": {"source_sha256": "0" * 64}}))
    with make_accelerator(open_models(paths), library, clock) as accelerator:
        assert not accelerator.start()
    assert "blobs_edgetpu.tflite: not compiled from blobs.tflite as it is now" in log.text


def test_missing_permission_is_said_before_anything_is_started(
    stick, models, library, clock, log, monkeypatch
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
    assert f"{stick.node}" in log.text


@pytest.mark.parametrize(
    "place", ["edge.inference.coral.child.new_memory", "edge.inference.coral.child.subprocess.Popen"]
)
def test_a_machine_without_room_for_a_child_leaves_the_cpu(
    stick, models, library, clock, log, monkeypatch, place
):
    def fail(*words, **options):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(place, fail)
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
        answer(models[0])
    assert "no process for the Edge TPU can be started ([Errno 12] Cannot allocate memory)" in log.text


def test_a_compiled_file_that_cannot_be_read_leaves_the_cpu(stick, models, library, clock, log, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("edge.inference.coral.compiled.load_card", fail)
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
    assert "Permission denied" in log.text


# --- the trial fails

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
        assert accelerator.degraded == ""  # nothing was lost: it never ran there
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


# --- it fails while in use


@pytest.mark.parametrize(
    ("word", "message"),
    [("fail", "USB transfer error 5"), ("abort", "gave up (SIGABRT)"), ("hang", "hangs (run: no answer")],
)
def test_the_same_frame_is_decided_by_the_cpu(stick, models, library, clock, log, word, message):
    expected = answer(open_models([models[0].card.path])[0])
    with make_accelerator(models, library, clock, infer_s=1.0 if word == "hang" else 30.0) as accelerator:
        assert accelerator.start()
        stick.behave(word, "invoke")
        assert [a.tolist() for a in answer(models[0])] == [b.tolist() for b in expected]
        assert message in accelerator.degraded
    assert message in log.records[-1].getMessage()


def test_a_stick_that_is_pulled_out_is_said_to_be_gone_and_taken_back(stick, models, library, clock, log):
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        stick.unplug()
        stick.behave("abort", "invoke")
        answer(models[0])
        assert "has gone from USB or PCIe" in accelerator.degraded
        for _ in range(4):
            clock.now += 5
            answer(models[0])
        assert (
            sum("has gone" in record.getMessage() for record in log.records) == 1
        )  # not again at every look
        stick.plug()
        stick.behave("good", "always")
        clock.now += 5
        answer(models[0])
        assert accelerator.degraded  # until its trial is over
        assert accelerator.start()
        assert accelerator.degraded == ""


def test_a_killed_child_is_noticed_at_the_next_frame(stick, models, library, clock):
    with make_accelerator(models, library, clock) as accelerator:
        assert accelerator.start()
        os.kill(pid(accelerator), signal.SIGKILL)
        answer(models[0])
        assert "SIGKILL" in accelerator.degraded


def test_tries_come_at_doubling_waits_and_never_block(stick, models, library, clock):
    stick.behave("crash", "load")
    tries = []
    with make_accelerator(models, library, clock, last_retry_s=40.0) as accelerator:
        begin = clock.now
        while len(tries) < 6:
            answer(models[0])
            if accelerator._child is not None:
                tries.append(clock.now - begin)
                accelerator.start()
            clock.now += 1
    assert np.diff(tries).tolist() == [5, 10, 20, 40, 40]


def test_after_a_steady_time_the_wait_begins_anew(stick, models, library, clock):
    with make_accelerator(models, library, clock, first_retry_s=5.0, steady_s=100.0) as accelerator:
        waits = []
        for steady in (0, 0, 101):
            stick.behave("good", "always")
            assert accelerator.start()
            clock.now += steady
            stick.behave("fail", "invoke")
            answer(models[0])
            waits.append(accelerator._next_try - clock.now)
            clock.now = accelerator._next_try
    assert waits == [5, 10, 5]


def test_closing_ends_even_a_child_that_hangs(stick, models, library, clock):
    stick.behave("hang", "load")
    accelerator = make_accelerator(models, library, clock)
    answer(models[0])
    process = accelerator._child._process
    accelerator.close()
    accelerator.close()
    assert process.returncode == -signal.SIGKILL


# --- pycoral


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


# --- how good is good enough


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


# --- the doctor


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
    assert words in answer["text"]
