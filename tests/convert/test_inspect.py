"""The command `convert.inspect`."""

import json
import shutil
import subprocess
import sys

import pytest

from convert.inspect import build_parser, inspect_model, main
from tests.builders import DATA, ROOT, SHARED

pytest.importorskip("ai_edge_litert.schema_py_generated")


def test_the_report_for_people(capsys):
    assert main(build_parser().parse_args([str(DATA / "blobs.tflite")])) == 0
    text = capsys.readouterr().out
    assert "CONV_2D          3  1x3x4x3 -> 1x3x4x4" in text
    assert "w 4 ch, axis 0" in text
    assert "total: 180 MACs, 35 parameter bytes" in text
    assert "Edge TPU 3, not known 0, CPU 0" in text
    assert "Only the compiler (16.0.384591198, of 2021) knows:" in text


def test_json_has_all_and_can_be_read(capsys):
    assert main(build_parser().parse_args([str(DATA / "blobs.tflite"), "--json"])) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["totals"] == {
        "ops": 3,
        "macs": 180,
        "parameter_bytes": 35,
        "on_chip_bytes": 8388608,
        "edgetpu": 3,
        "not_known": 0,
        "cpu": 0,
    }
    quantised = [
        t["quantisation"]
        for op in report["ops"]
        for t in op["inputs"]
        if t["quantisation"] and "axis" in t["quantisation"]
    ]
    assert {"axis": 0, "channels": 4} in quantised
    assert report["inputs"][0]["quantisation"] == {"scale": pytest.approx(0.00784308), "zero_point": 0}
    assert set(report["ops"][0]) >= {
        "name",
        "version",
        "inputs",
        "outputs",
        "macs",
        "parameter_bytes",
        "where",
        "code",
        "why",
    }


def test_require_mapped_is_for_the_gate(capsys):
    assert main(build_parser().parse_args([str(DATA / "float.tflite")])) == 0
    assert main(build_parser().parse_args([str(DATA / "float.tflite"), "--require-mapped"])) == 1
    assert "the compiler will refuse this file: nothing in it is quantised" in capsys.readouterr().out


def test_in_a_process_of_its_own_without_tensorflow(tmp_path):
    shutil.copy(DATA / "brightness.tflite", tmp_path / "m.tflite")
    code = (
        "import sys, runpy; sys.modules['tensorflow'] = sys.modules['keras'] = None; "
        "runpy.run_module('convert.inspect', run_name='__main__')"
    )
    for name, status in (("m.tflite", 0), ("gone.tflite", 1)):
        result = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        assert (result.returncode, result.stderr.count("\n")) == (status, status), result.stderr


@pytest.mark.parametrize("values", [{"inputs": [], "outputs": []}, {"outputs": []}, {"inputs": [-1, -1, -1]}])
def test_operations_without_tensors_are_shown_or_told_as_damage(tmp_path, capsys, values):
    from edge.errors import ModelError
    from tests.changed_models import change_model

    def strip(model):
        for op in model.subgraphs[0].operators:
            for name, value in values.items():
                setattr(op, name, value)

    path = change_model(tmp_path, "blobs", strip)
    try:
        assert main(build_parser().parse_args([str(path)])) == 0
        assert "CONV_2D" in capsys.readouterr().out
    except ModelError as error:
        assert f"{path}: damaged" in str(error)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "where"),
    [("escvm_mask_224_int8", "not_known"), ("aizoo_ssd_260", "cpu"), ("ultralight_RFB_320", "cpu")],
)
def test_other_peoples_models(name, where):
    path = SHARED / "peers" / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"../shared/peers/{path.name} is not here: this test was NOT run")
    sums = inspect_model(path)["totals"]
    assert sums[where] == sums["ops"] > 0
