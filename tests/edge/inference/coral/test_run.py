"""`python -m edge run` with an Edge TPU that is pulled out while it runs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.coral_fakes import FakeStick, tiny_models

LAUNCH = """
import sys
from pathlib import Path
from edge.inference.coral import sysfs
sysfs.SYS, sysfs.DEV = Path({sys!r}), Path({dev!r})
from functools import partial
from edge.inference.coral import accelerator
accelerator.TimeLimits = partial(accelerator.TimeLimits, infer_s={infer_s}, start_s=60)
from edge.commands.main import main
sys.exit(main({words!r}))
"""


class Door:
    """A running process, its log and its JSON lines."""

    def __init__(
        self, folder: Path, stick: FakeStick, library: Path, *words: str, infer_s: float = 30.0
    ) -> None:
        """infer_s: patience with a busy machine, where a hang is not what is tested."""
        models = tiny_models(folder / "models")
        self.events = folder / "events.jsonl"
        self.log = folder / "log"
        names = {
            "CLASSIFIER_MODEL": models[0],
            "DETECTOR_MODEL": models[1],
            "ACCELERATOR_LIBRARY": library,
            "ACCELERATOR_SLOW_AT": "1e6",
        }
        environment = (
            os.environ
            | {f"MASK_EDGE_{name}": str(value) for name, value in names.items()}
            | {"FAKE_EDGETPU": str(stick.script)}
        )
        code = LAUNCH.format(
            sys=str(stick.sys),
            dev=str(stick.dev),
            infer_s=infer_s,
            words=[*words, "--jsonl", str(self.events), "--jsonl-frames", "all"],
        )
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=log
            )

    def entries(self) -> list[dict]:
        text = self.events.read_text() if self.events.is_file() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, found: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not found():
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0, self.log.read_text()


@pytest.fixture
def stick(tmp_path):
    stick = FakeStick(tmp_path)
    stick.plug()
    return stick


@pytest.mark.parametrize("death", ["fail", "abort", "hang"])
def test_a_stick_pulled_out_leaves_a_door_that_goes_on(tmp_path, stick, library, death):
    door = Door(tmp_path, stick, library, "run", "--source", "demo", infer_s=1.0 if death == "hang" else 30.0)
    door.wait_for(lambda: "Edge TPU in use" in door.log.read_text())
    before = len(door.entries())
    stick.unplug()
    stick.behave(death, "invoke")
    door.wait_for(lambda: any("degraded" in entry for entry in door.entries()))
    seen = len(door.entries())
    door.wait_for(lambda: len(door.entries()) >= seen + 10)
    door.close()
    entries = door.entries()
    assert not any("degraded" in entry for entry in entries[:before])
    assert "has gone from USB or PCIe" in entries[-1]["degraded"]
    assert {entry["decision"]["state"] for entry in entries[seen:]} <= {"idle", "pass", "deny", "uncertain"}
    frames = [entry["frame"] for entry in entries]
    assert frames == sorted(frames)
    log = door.log.read_text()
    assert log.count("has gone from USB or PCIe") == 2  # when it happened, and in the summary
    assert "DEGRADED: " in log
    assert "Traceback" not in log


def test_a_signal_to_the_whole_group_is_not_taken_for_a_failure(tmp_path, stick, library):
    door = Door(tmp_path, stick, library, "run", "--source", "demo")
    door.wait_for(lambda: "Edge TPU in use" in door.log.read_text())
    children = Path(f"/proc/{door.process.pid}/task/{door.process.pid}/children").read_text().split()
    subprocess.run(["kill", "-TERM", *children, str(door.process.pid)], check=True)
    assert door.process.wait(timeout=20) == 0
    assert "WARNING" not in door.log.read_text()
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_what_is_no_live_source_waits_for_the_trial(tmp_path, stick, library):
    door = Door(tmp_path, stick, library, "demo", "--seconds", "1", "--out", str(tmp_path / "out"))
    assert door.process.wait(timeout=60) == 0
    log = door.log.read_text()
    assert 0 <= log.find("Edge TPU in use") < log.find("IDLE")
