"""Without any optional library the runtime starts, and says what is missing and how to get it."""

import os
import subprocess
import sys

import pytest

from tests.builders import ROOT

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
    "aiohttp",
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
