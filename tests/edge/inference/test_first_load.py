"""A damaged model whose card fits crashes a child, not the program; what loads is not tried twice."""

import json
import random
import subprocess
import sys

import pytest

from edge.config.reading import load_config
from edge.doctor.probe import probe_models
from edge.errors import MaskEdgeError, ModelError
from edge.inference import first_load
from edge.inference.card import load_card
from edge.inference.first_load import SHIPPED, try_first
from edge.inference.interpreter import TFLiteModel
from edge.inference.masks import MaskClassifier
from tests.builders import DATA, ROOT


def damaged(name: str, offset: int, word: int) -> bytes:
    content = (DATA / f"{name}.tflite").read_bytes()
    return content[:offset] + word.to_bytes(4, "little") + content[offset + 4 :]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/mask-edge/models-that-load"


@pytest.fixture
def children(monkeypatch):
    """The commands of the children that were started."""
    started = []
    run = subprocess.run

    def counted(command, **options):
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(first_load.subprocess, "run", counted)
    return started


@pytest.mark.parametrize("name", ["brightness", "blobs"])
def test_a_model_that_crashes_the_runtime_is_an_error_that_names_it(model_copy, cache, name):
    path = model_copy(name, content=damaged(name, 16, 0))
    for _ in range(2):  # what crashed is not remembered as good
        words = (
            rf"{name}\.tflite: the TFLite runtime crashes on it \(SIG[A-Z]+\); copy it again with its card"
        )
        with pytest.raises(ModelError, match=words):
            TFLiteModel(load_card(path))
    assert not cache.exists()


def test_the_doctor_names_the_model_that_crashes(model_copy, cache):
    path = model_copy("brightness", content=damaged("brightness", 16, 0))
    config = load_config(
        None,
        {},
        {"classifier": {"model": str(path)}, "detector": {"model": str(DATA / "blobs.tflite")}},
    )
    with pytest.raises(ModelError, match=r"brightness\.tflite: the TFLite runtime crashes on it"):
        probe_models(config)


def test_a_good_model_is_tried_once(cache, children):
    card = load_card(DATA / "brightness.tflite")
    for _ in range(3):
        try_first(card)
    assert len(children) == 1
    assert cache.read_text().startswith(card.sha256)
    assert cache.stat().st_mode & 0o777 == 0o600


def test_another_runtime_tries_it_again(cache, children, monkeypatch):
    card = load_card(DATA / "brightness.tflite")
    try_first(card)
    monkeypatch.setattr(first_load, "runtime_version", lambda: "ai-edge-litert 99")
    try_first(card)
    assert len(children) == 2


@pytest.mark.parametrize("loosen", ["file", "folder", "link"])
def test_a_record_that_others_may_write_is_not_believed(cache, children, loosen, tmp_path):
    card = load_card(DATA / "brightness.tflite")
    try_first(card)
    if loosen == "link":
        cache.rename(tmp_path / "elsewhere")
        cache.symlink_to(tmp_path / "elsewhere")
    else:
        (cache if loosen == "file" else cache.parent).chmod(0o777)
    try_first(card)
    assert len(children) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"x" * 200_000])
def test_a_record_of_another_kind_is_no_record(cache, children, content):
    cache.parent.mkdir(parents=True, mode=0o700)
    cache.write_bytes(content)
    try_first(load_card(DATA / "brightness.tflite"))
    assert len(children) == 1


def test_the_service_remembers_in_its_own_folder(tmp_path, children):
    card = load_card(DATA / "brightness.tflite")
    for _ in range(2):
        try_first(card, {"STATE_DIRECTORY": str(tmp_path), "HOME": "/nowhere"})
    assert len(children) == 1
    assert (tmp_path / "models-that-load").is_file()


def test_without_any_folder_it_is_tried_every_time(children):
    for _ in range(2):
        try_first(load_card(DATA / "brightness.tflite"), {})
    assert len(children) == 2


def test_the_shipped_models_cost_no_child(children, cache):
    paths = sorted((ROOT / "models").glob("*.json"))
    sums = {json.loads(path.read_text())["sha256"] for path in paths}
    assert sums == SHIPPED, "a model that is shipped has changed: try it, then name it in SHIPPED"
    try_first(load_card(ROOT / "models/mask_classifier.tflite"))
    assert children == []


def test_a_model_that_hangs_is_an_error(monkeypatch, cache):
    def hang(words, **options):
        raise subprocess.TimeoutExpired(words, options["timeout"])

    monkeypatch.setattr(first_load.subprocess, "run", hang)
    with pytest.raises(ModelError, match="no inference within 60 s"):
        try_first(load_card(DATA / "brightness.tflite"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["brightness"])
def test_whatever_is_damaged_ends_as_an_error_about_the_model(model_copy, cache, name):
    """Loaded in this process only where the child lived. More of it: python -m tests.fuzz."""
    rng = random.Random(7)
    size = (DATA / f"{name}.tflite").stat().st_size
    for _ in range(12):
        offset = rng.randrange(2, size // 4) * 4
        path = model_copy(name, content=damaged(name, offset, rng.choice([0, 1, 255, 2**31 - 1, 2**32 - 1])))
        code = (
            "import sys; from edge.inference.masks import MaskClassifier; import numpy as np\n"
            "from edge.errors import MaskEdgeError\n"
            "try: MaskClassifier(sys.argv[1]).classify([np.zeros((9, 9, 3), np.uint8)])\n"
            "except MaskEdgeError as error: print(error)\n"
        )
        child = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60
        )
        assert child.returncode == 0, (offset, child.stderr)


def test_errors_of_the_runtime_are_errors_about_the_model(model_copy, monkeypatch):
    model = MaskClassifier(DATA / "brightness.tflite").model

    class Broken:
        def invoke(self):
            raise RuntimeError("Input tensor 25 lacks data")

    model._interpreter = Broken()
    with pytest.raises(
        MaskEdgeError, match=r"brightness\.tflite: .* cannot run it \(Input tensor 25 lacks data\)"
    ):
        model.invoke()
