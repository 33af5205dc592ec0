"""The Edge TPU's child process is started where it can be, and the CPU decides until it has proved itself."""

import json
import os

import numpy as np
import pytest

from edge.inference.coral.trial import distance
from tests.coral_fakes import AFTER, BEFORE, answer, make_accelerator, open_models, tiny_models


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
        assert accelerator.degraded is None
        assert "Edge TPU in use (Coral USB stick at 5000 Mbit/s" in log.text
        assert "brightness" in accelerator.status.what
        assert "blobs" in accelerator.status.what
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
        assert "blobs" not in accelerator.status.what
        assert len(answer(models[1])) == 2
    assert "blobs_edgetpu.tflite not found" in log.text


def test_without_a_stick_nothing_is_started_and_nothing_said(stick, models, library, clock, log):
    stick.unplug()
    with make_accelerator(models, library, clock) as accelerator:
        assert not accelerator.start()
        assert accelerator.degraded is None
        answer(models[0])
    assert log.text == ""


def test_without_the_stick_that_is_required_the_state_is_degraded(stick, models, library, clock, log):
    stick.unplug()
    with make_accelerator(models, library, clock, use="edgetpu") as accelerator:
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
