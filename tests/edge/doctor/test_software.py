"""What the doctor says of the configuration, the models and the runtime."""

import pytest

from edge.config.reading import Config, DetectorConfig, load_config
from edge.doctor import camera, probing, software
from edge.doctor.check import Check, guarded
from edge.doctor.report import make_context
from edge.host.findings import Status
from edge.inference.card import sha256_of
from tests.boardtree import write
from tests.builders import ROOT
from tests.edge.doctor.builders import TINY, completed, context


def test_a_missing_detector_is_a_finding_although_the_door_works_with_the_cascade(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.inference.shipped.MODELS", tmp_path)
    result = software.check_models(context(tmp_path, Config()))
    assert result.status is Status.FAIL
    assert "face_detector.tflite is missing: OpenCV's cascade" in result.detail
    assert result.next.startswith("install again")


def test_a_wrong_configuration_is_a_finding_and_the_others_go_on(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[sorce]\n")
    machine = make_context(path, {})
    result = software.check_config(machine)
    assert result.status is Status.FAIL
    assert "did you mean 'source'" in result.next
    assert machine.config == Config()


def test_the_installed_configuration_is_taken_where_none_is_named(tmp_path):
    assert make_context(None, {}, tmp_path).config_path is None
    write(tmp_path, "etc/mask-edge/config.toml", "[source]\nuri = 'demo'\n")
    machine = make_context(None, {}, tmp_path)
    assert machine.config.source.uri == "demo"
    assert "etc/mask-edge/config.toml" in software.check_config(machine).detail


def test_models_are_compared_with_their_cards(tmp_path, model_copy):
    path = model_copy("brightness")
    config = load_config(None, TINY | {"MASK_EDGE_CLASSIFIER_MODEL": str(path)})
    good = software.check_models(context(tmp_path, config))
    assert good.status is Status.OK
    assert sha256_of(path)[:8] in good.detail
    path.write_bytes(path.read_bytes() + b"\0")
    bad = software.check_models(context(tmp_path, config))
    assert bad.status is Status.FAIL
    assert "SHA-256" in bad.detail


@pytest.mark.parametrize(
    ("named", "file"), [("auto", "face_detector.tflite"), ("wide", "face_detector_wide.tflite")]
)
def test_the_configured_detector_is_the_one_that_is_checked(tmp_path, named, file):
    result = software.check_models(context(tmp_path, Config(detector=DetectorConfig(model=named))))
    assert result.status is Status.OK
    assert f"{file} (detection," in result.detail


def test_the_runtime_runs_both_models_in_a_real_child():
    result = software.check_runtime(make_context(None, TINY))
    assert result.status is Status.OK, result
    assert "numpy" in result.detail
    assert "OpenCV" in result.detail
    assert "classifier" in result.detail


def test_the_child_runs_this_package_wherever_one_is(tmp_path, monkeypatch):
    """`sudo mask-edge doctor` typed in a checkout of another version must try what is installed."""
    write(tmp_path, "edge/__init__.py", "raise SystemExit('another version')\n")
    monkeypatch.chdir(tmp_path)
    assert software.check_runtime(make_context(None, TINY)).status is Status.OK


def test_no_password_is_in_the_list_of_processes(tmp_path):
    seen = []
    config = load_config(None, {"MASK_EDGE_SOURCE_URI": "rtsp://door:secret@cam/1"})

    def run(words, timeout, text=""):
        seen.append((words, text))
        return completed("{}")

    for check in (software.check_runtime, camera.check_camera):
        guarded(Check("x", check), context(tmp_path, config, run=run))
    assert len(seen) == 2
    assert all("secret" in text and "secret" not in " ".join(words) for words, text in seen)


def test_what_is_wrong_in_the_child_comes_back_as_one_line():
    result = software.check_runtime(make_context(None, {"MASK_EDGE_DETECTOR_MODEL": "/nowhere.tflite"}))
    assert result.status is Status.FAIL
    assert result.detail.startswith("/nowhere.tflite: no such model")


@pytest.mark.parametrize(
    ("out", "code", "words"),
    [
        ("", -4, "crashes here (SIGILL)"),
        ("", -11, "SIGSEGV"),
        ("talk\n", 1, "but: talk"),
        ("[1]", 0, "no answer"),
    ],
)
def test_a_child_that_dies_or_talks_nonsense_is_a_finding(tmp_path, out, code, words):
    result = software.check_runtime(context(tmp_path, out=out, code=code))
    assert result.status is Status.FAIL
    assert words in result.detail


def test_the_last_line_is_the_answer():
    assert probing.last_json('INFO: Created delegate\n{"models": {}}\n') == {"models": {}}


def test_opencv_without_the_strict_jpeg_decoder_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(software, "installed", lambda module: module != "simplejpeg")
    result = software.check_opencv(context(tmp_path, Config()))
    assert result.status is Status.WARN
    assert "python3-simplejpeg" in result.next


def test_a_runtime_that_crashes_is_not_cured_by_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(software, "runtime_version", lambda: software.TESTED_RUNTIME)
    result = software.check_runtime(context(tmp_path, code=-11))
    assert "2.1.6" in result.detail
    assert "pip install" not in result.next
    monkeypatch.setattr(software, "runtime_version", lambda: "ai-edge-litert 9.9")
    assert "pip install 'ai-edge-litert==2.1.6'" in software.check_runtime(context(tmp_path, code=-11)).next
    assert software.TESTED_RUNTIME.replace(" ", "==") in (ROOT / "setup.sh").read_text()
