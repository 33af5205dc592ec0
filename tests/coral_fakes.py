"""A Coral Edge TPU without one.

A library that TFLite loads as its delegate, a sysfs tree, and compiled twins of the tiny models.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.config.tables import AcceleratorConfig
from edge.inference.card import load_card, sha256_of
from edge.inference.coral.accelerator import Accelerator, TimeLimits
from edge.inference.coral.trial import trial_picture
from edge.inference.interpreter import TFLiteModel

DATA = Path(__file__).parent / "data"
BEFORE, AFTER = ("1a6e", "089a"), ("18d1", "9302")
"""USB names of the stick without and with its firmware."""


def build_library(folder: Path) -> Path:
    """The stand-in for libedgetpu."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: this test was NOT run")
    library = folder / "libfake_edgetpu.so"
    source = DATA / "coral" / "fake_edgetpu.c"
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    return library


class FakeStick:
    """A sysfs tree with a stick to plug and unplug, and a file that tells the library how to behave."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.dev, self.script = folder / "sys", folder / "dev", folder / "behaviour"
        self._entry = self.sys / "bus/usb/devices/2-1"
        self.node = self.dev / "bus/usb/002/004"
        (self.sys / "bus/usb/devices/usb2").mkdir(parents=True)
        self.behave("good", "always")

    def plug(self, identity: tuple[str, str] = AFTER, speed: int = 5000) -> None:
        self._entry.mkdir(parents=True, exist_ok=True)
        for name, value in {
            "idVendor": identity[0],
            "idProduct": identity[1],
            "busnum": "2",
            "devnum": "4",
            "speed": str(speed),
        }.items():
            (self._entry / name).write_text(f"{value}\n")
        self.node.parent.mkdir(parents=True, exist_ok=True)
        self.node.touch()

    def unplug(self) -> None:
        shutil.rmtree(self._entry)
        self.node.unlink()

    def plug_pcie(self, driver: bool = True) -> None:
        entry = self.sys / "bus/pci/devices/0000:01:00.0"
        entry.mkdir(parents=True)
        (entry / "vendor").write_text("0x1ac1\n")
        (entry / "device").write_text("0x089a\n")
        self.dev.mkdir(exist_ok=True)
        if driver:
            (self.dev / "apex_0").touch()

    def behave(self, word: str, stage: str) -> None:
        """word: good, fail, wrong, slow, hang, crash or abort; stage: load, allocate or invoke."""
        self.script.write_text(f"{word} {stage}\n")


def compile_twin(model: Path) -> Path:
    """What convert.compile would write beside a model, but for the compiling."""
    twin = model.with_name(f"{model.stem}_edgetpu.tflite")
    shutil.copy(model, twin)
    card = json.loads(model.with_suffix(".json").read_text())
    card |= {"sha256": sha256_of(twin), "edgetpu": {"source": model.name, "source_sha256": sha256_of(model)}}
    twin.with_suffix(".json").write_text(json.dumps(card))
    return twin


def tiny_models(folder: Path, twins: bool = True) -> list[Path]:
    """Copies of the classifier and the detector of the tests, with compiled twins."""
    folder.mkdir(exist_ok=True)
    models = []
    for name in ("brightness", "blobs"):
        for suffix in (".tflite", ".json"):
            shutil.copy(DATA / f"{name}{suffix}", folder)
        models.append(folder / f"{name}.tflite")
        if twins:
            compile_twin(models[-1])
    return models


def open_models(paths: list[Path]) -> list[TFLiteModel]:
    return [TFLiteModel(load_card(path), threads=1) for path in paths]


def answer(model: TFLiteModel) -> list[np.ndarray]:
    picture = trial_picture(model.card.width, model.card.height)[::-1].copy()
    return [output.values for output in model.run(picture)]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_accelerator(
    models: list[TFLiteModel],
    library: Path,
    clock: Callable[[], float],
    use: str = "auto",
    slow_at: float = 1e6,
    infer_s: float = 30.0,
    **limits,
) -> Accelerator:
    """The fake runs on this CPU, which may be busy: slow_at and infer_s keep it from being called slow."""
    config = AcceleratorConfig(use, str(library), slow_at)
    return Accelerator(models, config, TimeLimits(infer_s=infer_s, **limits), clock)
