"""A short run of each fuzzer, the crashes of earlier runs, and faults that must be found."""

import faulthandler
import os
import signal

import pytest

from edge.errors import ConfigError, PictureError
from edge.types import Cause, State
from tests.builders import DATA
from tests.fuzz import __main__ as command
from tests.fuzz import runner, targets
from tests.fuzz.runner import Outcome, fuzz, fuzz_apart
from tests.fuzz.target import little_memory

NAMES = sorted(targets.targets())
CRASHES = sorted(path for path in (DATA / "crashes").glob("*/*") if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_hostile_inputs_are_read_or_refused(name, monkeypatch):
    monkeypatch.setattr(runner, "BATCH", 50)
    outcome = fuzz(targets.targets()[name], seconds=0, seed=1)
    assert outcome.crash is None, outcome.story
    assert outcome.taken + outcome.refused >= 50


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_once_was_found_is_mended(path):
    target = targets.targets()[path.parent.name]
    try:
        target.feed(path.read_bytes())
    except target.refusal:
        pass


@pytest.mark.parametrize(
    ("name", "function", "broken"),
    [
        ("config", "load_config", ConfigError),
        ("cut-jpeg", "read_jpeg", None),
        ("state", "read_state", None),
    ],
)
def test_a_fault_is_found_with_its_input(name, function, broken, monkeypatch):
    """A reader that raises something else, one that takes what is cut, one whose result cannot be used."""

    def faulty(*arguments):
        if broken:
            raise KeyError("not foreseen")
        return targets.np.zeros((1, 1, 3), targets.np.uint8)

    monkeypatch.setattr(targets, function, faulty)
    outcome = fuzz(targets.targets()[name], seconds=0, seed=1)
    assert outcome.crash is not None
    assert outcome.story


@pytest.mark.parametrize(
    ("name", "place", "broken"),
    [
        ("day", "edge.tracking.is_hole", lambda before, now: False),
        ("day", "edge.decision._state_and_cause", lambda counts, most: (State.PASS, Cause.ALL_MASKED)),
        ("address", "edge.address.redacted", lambda text: text),
        ("log", "edge.host.logs.json.dumps", lambda entry, **_: str(entry)),
    ],
)
def test_a_broken_promise_is_found(name, place, broken, monkeypatch):
    """A track that outlives a hole, PASS for everybody, a password that is shown, a line that is no JSON."""
    given = targets.targets()[name]
    monkeypatch.setattr(place, broken)
    assert fuzz(given, seconds=0, seed=1).crash is not None


def test_much_memory_is_a_find():
    with pytest.raises(AssertionError, match="MB"), little_memory(20):
        bytearray(100 * 2**20)


def test_refusals_are_no_finds_and_are_counted(monkeypatch):
    def refuse(data):
        raise PictureError("no")

    monkeypatch.setattr(targets, "read_jpeg", refuse)
    assert fuzz(targets.targets()["jpeg"], seconds=0, seed=1).refused >= 100


def test_the_death_of_the_process_is_a_find_with_its_input(monkeypatch):
    def child(name, seconds, seed, current, to):
        faulthandler.disable()  # its words would stand in the report
        current.write_bytes(b"the last input")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(runner, "_child", child)
    monkeypatch.setattr(runner, "CONTEXT", runner.multiprocessing.get_context("fork"))
    outcome = fuzz_apart("jpeg", seconds=1, seed=1)
    assert (outcome.crash, outcome.story) == (b"the last input", "the process ended with -9")


def test_the_command_writes_what_it_found_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "fuzz_apart", lambda *given: Outcome(3, 2, b"bad", "why"))
    monkeypatch.setattr("sys.argv", ["fuzz", "jpeg", "--out", str(tmp_path)])
    assert command.main() == 1
    assert (tmp_path / "crash-jpeg").read_bytes() == b"bad"
    assert "why\njpeg: FOUND" in capsys.readouterr().out
