import json
import shutil
import signal
from pathlib import Path

import pytest

from edge.inference.card import sha256_of
from edge.inference.coral import sysfs
from tests.builders import DATA, SHARED
from tests.coral_fakes import FakeStick, build_library


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Nothing is kept in the cache of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_configure() -> None:
    """A shell that starts the tests behind `&` has SIGINT and SIGQUIT ignored, and so would all processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def shared() -> Path:
    """The workbench's pictures; without them the test is skipped, and says so."""
    if not (SHARED / "data" / "faces" / "manifest.csv").is_file():
        pytest.skip("../shared/data is not here: this test was NOT run")
    return SHARED


@pytest.fixture
def model_copy(tmp_path):
    """A function that copies a tiny model and changes its card: model_copy("blobs", {"task": "x"})."""

    def copy(name: str, changes: dict | None = None, content: bytes | None = None, card: bool = True) -> Path:
        path = tmp_path / f"{name}.tflite"
        shutil.copy(DATA / path.name, path)
        if content is not None:
            path.write_bytes(content)
        if card:
            known = DATA / f"{name}.json"
            data = json.loads((known if known.is_file() else DATA / "brightness.json").read_text())
            data |= {"sha256": sha256_of(path)} | (changes or {})
            path.with_suffix(".json").write_text(json.dumps(data))
        return path

    return copy


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A stand-in for libedgetpu, compiled here."""
    return build_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def stick(tmp_path, monkeypatch):
    """A pretended Edge TPU, plugged in. This process and its children see it instead of the machine's own."""
    stick = FakeStick(tmp_path)
    monkeypatch.setattr(sysfs, "SYS", stick.sys)
    monkeypatch.setattr(sysfs, "DEV", stick.dev)
    monkeypatch.setenv("FAKE_EDGETPU", str(stick.script))
    stick.plug()
    return stick
