"""The import rules of the house: what may import what, and that the runtime starts with numpy and the standard library alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT

ALLOWED_FROM_EDGE = (
    "edge.types",
    "edge.preprocess",
    "edge.optional",
    "edge.pictures.files",
    "edge.pictures.drawn_masks",
    "edge.errors",
    "edge.commands.runner",
    "edge.inference",
)
"""What `training` and `convert` share with the runtime."""

LAYERS = {
    "edge.types": 0,
    "edge.errors": 0,
    "edge.optional": 1,
    "edge.config.option": 0,
    "edge.config.indicators": 1,
    "edge.preprocess": 1,
    "edge.pictures.files": 1,
    "edge.pictures.drawn_masks": 1,
    "edge.pictures.annotate": 2,
    "edge.inference": 2,
    "edge.tracking": 2,
    "edge.decision": 2,
    "edge.picture_health": 2,
    "edge.host.board": 1,
    "edge.host.access": 1,
    "edge.host.backoff": 1,
    "edge.host.packages": 1,
    "edge.host.watch": 2,
    "edge.sources": 3,
    "edge.sinks": 3,
    "edge.pipeline": 4,
}
"""A module imports nothing from a layer above its own."""


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path, top_level_only: bool = False) -> set[str]:
    """Full names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def layer(module: str) -> int | None:
    found = [name for name in LAYERS if module == name or module.startswith(name + ".")]
    return LAYERS[max(found, key=len)] if found else None


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", python_files("edge"), ids=module_name)
def test_edge_imports_numpy_and_the_standard_library_alone_at_the_top(path):
    tops = {name.partition(".")[0] for name in imported(path, top_level_only=True)}
    assert tops - set(sys.stdlib_module_names) <= {"numpy", "edge"}


@pytest.mark.parametrize("path", python_files("edge"), ids=module_name)
def test_edge_never_imports_the_workstation_side(path):
    assert not {name.partition(".")[0] for name in imported(path)} & {
        "training",
        "convert",
        "tensorflow",
        "keras",
        "matplotlib",
        "sklearn",
    }


@pytest.mark.parametrize("path", python_files("edge"), ids=module_name)
def test_nothing_is_imported_from_a_layer_above(path):
    own = layer(module_name(path))
    if own is not None:
        above = {name for name in imported(path) if (layer(name) or 0) > own}
        assert not above


def test_sources_and_sinks_do_not_know_each_other():
    assert not any(
        name.startswith("edge.sinks") for path in python_files("edge/sources") for name in imported(path)
    )
    assert not any(
        name.startswith("edge.sources") for path in python_files("edge/sinks") for name in imported(path)
    )


@pytest.mark.parametrize("path", python_files("training", "convert"), ids=module_name)
def test_the_workstation_side_shares_only_what_is_meant_to_be_shared(path):
    names = {name for name in imported(path) if name.partition(".")[0] == "edge"}
    assert all(name.startswith(ALLOWED_FROM_EDGE) for name in names), names


def test_tensorflow_stays_on_the_workstation():
    for path in python_files("edge", "training", "convert"):
        assert "tensorflow" not in imported(path, top_level_only=True), path


BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
from edge.commands.main import main
sys.exit(main({words!r}))
"""
OPTIONAL = {
    "cv2",
    "ai_edge_litert",
    "tflite_runtime",
    "tensorflow",
    "keras",
    "matplotlib",
    "sklearn",
    "tqdm",
    "gpiozero",
    "lgpio",
    "luma",
    "PIL",
    "picamera2",
}


def run_blocked(*words: str, blocked=OPTIONAL) -> subprocess.CompletedProcess:
    code = BLOCKER.format(blocked=blocked, words=list(words))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MASK_EDGE_")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, env=environment
    )


@pytest.mark.parametrize("words", [["--help"], ["config", "example"], ["config", "show"]])
def test_these_work_without_any_optional_library(words):
    result = run_blocked(*words)
    assert result.returncode == 0, result.stderr


def test_the_doctor_works_without_any_optional_library_and_says_what_is_missing():
    result = run_blocked("doctor", "--quick")
    assert result.returncode == 1
    assert "fail  opencv" in result.stdout
    assert "python3-opencv" in result.stdout
    assert "Traceback" not in result.stderr


def test_config_check_works_without_any_optional_library(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[source]\nuri = 'demo'\n")
    assert run_blocked("config", "check", "--config", str(path)).returncode == 0


@pytest.mark.parametrize(
    ("words", "blocked", "cure"),
    [
        (["demo"], OPTIONAL, "python3-opencv"),
        (["run", "--source", "usb:0"], {"cv2"}, "python3-opencv"),
        (["run", "--source", "picamera"], {"picamera2"}, "python3-picamera2"),
        (["demo"], {"ai_edge_litert", "tflite_runtime"}, "pip install ai-edge-litert"),
    ],
)
def test_a_missing_library_is_one_line_that_names_its_cure(words, blocked, cure):
    result = run_blocked(*words, blocked=blocked)
    assert result.returncode == 1
    assert cure in result.stderr
    assert "Traceback" not in result.stderr
