#!/usr/bin/env python3
"""A day of faults in some minutes: does the door stay safe through each of them, and come back after it?

    sudo python tests/pi/faults.py --minutes 10

Runs `python -m edge run` on a camera that can be told to fail (faulty_camera.py), and brings one fault after
the other, again and again: the camera stalls, cuts its frames, lies, and goes away; the disk of the snapshots
fills up (needs root); the log is read by nobody; the process is stopped and goes on; the wall clock jumps
(needs libfaketime). A fault that cannot be made here is named as left out.

Looked at: in a fault of the camera the door is `uncertain` at the latest after `stale_after_s` and 2 s, and
never `pass` from then on; in all others the decisions go on; after each, the door works again; at the
end, memory, threads and open files are as after the first round, and SIGTERM ends the process.
Exit code 1 where one of these did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.pi.faulty_camera import FaultyCamera, Mood  # noqa: E402
from tests.pi.soak import Sample, look  # noqa: E402

STALE_AFTER_S = 3.0
"""The setting `source.stale_after_s`."""

FAULT_S, BACK_S = 8.0, 75.0
"""How long a fault lasts, and how long the door may take to work again, s."""

LATE_S = 2.0
"""For what is still on its way from the camera, and until a line is read here."""

DISK_BYTES = 400_000
GROWTH_MB = 12.0
"""Memory that may be taken between the first round and the last."""

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@dataclass
class Door:
    """The process under test, and what it said last."""

    process: subprocess.Popen[bytes]
    lines: int = 0
    """JSON lines so far."""
    bad_lines: int = 0
    state: str = "nothing yet"
    at: float = 0.0
    """When the frame was taken on which the state stands, s of the monotonic clock."""
    reading_log: Event = field(default_factory=Event)

    def read_decisions(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            try:
                data = json.loads(line)
                self.at, self.state = data.get("at", self.at), data["decision"]["state"]
            except (ValueError, KeyError):
                self.bad_lines += 1
            self.lines += 1

    def read_log(self, stderr: IO[bytes], file: IO[bytes]) -> None:
        while self.reading_log.wait() and (text := os.read(stderr.fileno(), 65536)):
            file.write(text)


class Trouble(Exception):
    """Something that must hold did not."""


def wait_for(what: str, seconds: float, holds: Callable[[], bool]) -> float:
    """Seconds until it holds. Raises Trouble when it does not in time."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise Trouble(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - started


def works(door: Door) -> None:
    """The door decides: somebody is seen, and let in, in a scene of 18 s."""
    for state in ("deny", "pass"):
        wait_for(f"the door says {state}", BACK_S, functools.partial(says, door, state))


def says(door: Door, state: str) -> bool:
    return door.state == state


def camera_fault(door: Door, camera: FaultyCamera, mood: Mood) -> str:
    camera.mood = mood
    try:
        took = wait_for("uncertain", STALE_AFTER_S + LATE_S, lambda: door.state == "uncertain")
        end = time.monotonic() + FAULT_S - took
        while time.monotonic() < end:
            if door.state == "pass":
                raise Trouble("the door says pass without a frame to trust")
            time.sleep(0.05)
    finally:
        camera.mood = Mood.WHOLE
    return f"uncertain after {took:.1f} s"


def goes_on(door: Door) -> str:
    """The decisions go on while a fault lasts."""
    before = door.lines
    time.sleep(FAULT_S)
    if door.lines - before < FAULT_S:
        raise Trouble(f"{door.lines - before} decisions in {FAULT_S:.0f} s")
    return f"{door.lines - before} decisions in {FAULT_S:.0f} s"


def log_blocked(door: Door) -> str:
    door.reading_log.clear()
    try:
        return goes_on(door)
    finally:
        door.reading_log.set()


def disk_full(door: Door, folder: Path) -> str:
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 4096) == 4096:
            pass
    try:
        told = goes_on(door)
        torn = [path.name for path in folder.glob("*.jpg") if not path.read_bytes().endswith(b"\xff\xd9")]
        if torn:
            raise Trouble(f"pictures that are not whole: {', '.join(torn)}")
    finally:
        ballast.unlink()
    before = time.time()
    took = wait_for("a new snapshot", BACK_S, lambda: newest(folder) > before)
    return f"{told}; a snapshot again after {took:.0f} s"


def newest(folder: Path) -> float:
    """When the newest snapshot was written, s since 1970; 0 without one."""
    return max((path.stat().st_mtime for path in folder.glob("*.jpg")), default=0.0)


def stopped(door: Door) -> str:
    os.kill(door.process.pid, signal.SIGSTOP)
    time.sleep(FAULT_S)
    goes_on_at = time.monotonic()
    os.kill(door.process.pid, signal.SIGCONT)
    wait_for("a decision", STALE_AFTER_S + 5, lambda: door.at > goes_on_at)
    if door.state == "pass":
        raise Trouble("pass is carried over the hole in time")
    return f"{door.state} at first"


def clock_jumps(door: Door, jump: Path) -> str:
    told = []
    for offset in ("+3650d", "-3650d", "+0"):
        jump.write_text(offset)
        told.append(goes_on(door))
    return told[-1]


def faults(door: Door, camera: FaultyCamera, disk: Path, jump: Path) -> dict[str, Callable[[], str] | str]:
    """Name -> how it is brought about, or why it is left out."""
    return {
        **{
            f"camera {mood.name.lower()}": functools.partial(camera_fault, door, camera, mood)
            for mood in Mood
            if mood is not Mood.WHOLE
        },
        "disk full": (lambda: disk_full(door, disk)) if os.geteuid() == 0 else "needs root for a small disk",
        "log read by nobody": lambda: log_blocked(door),
        "process stopped": lambda: stopped(door),
        "clock jumps": (lambda: clock_jumps(door, jump)) if FAKETIME else "needs libfaketime (apt: faketime)",
    }


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A folder with a disk of its own, where we may make one."""
    folder.mkdir()
    root = os.geteuid() == 0
    if root:
        size = f"size={DISK_BYTES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        if root:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def running_door(uri: str, disk: Path, jump: Path, log: Path) -> Iterator[Door]:
    """`mask-edge run` with all that is watched. It is killed where it does not end."""
    environment = {
        **os.environ,
        "MASK_EDGE_SOURCE_STALE_AFTER_S": str(STALE_AFTER_S),
        "MASK_EDGE_SNAPSHOT_KEEP": "5",
    }
    if FAKETIME:
        jump.write_text("+0")
        environment |= {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(jump),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
    words = ["run", "--source", uri, "--jsonl", "-", "--jsonl-frames", "all", "--snapshots", str(disk)]
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *words, "--debug"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    door = Door(process)
    door.reading_log.set()
    assert process.stdout and process.stderr
    with log.open("wb") as file:
        readers = [
            Thread(target=door.read_decisions, args=(process.stdout,), daemon=True),
            Thread(target=door.read_log, args=(process.stderr, file), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            yield door
        finally:
            process.kill()
            process.wait()
            for reader in readers:
                reader.join(timeout=5)


def one_round(door: Door, all_faults: dict[str, Callable[[], str] | str]) -> list[str]:
    """Bring every fault once. Returns what did not hold."""
    troubles = []
    for name, fault in all_faults.items():
        if isinstance(fault, str):
            print(f"  {name:20} LEFT OUT: {fault}", flush=True)
            continue
        try:
            told = fault()
            works(door)
            print(f"  {name:20} {told}; works again", flush=True)
        except Trouble as trouble:
            troubles.append(f"{name}: {trouble}")
            print(f"  {name:20} FAILED: {trouble}", flush=True)
        if door.process.poll() is not None:
            return [*troubles, f"{name}: the process ended with {door.process.returncode}"]
    return troubles


def compare(first: Sample, last: Sample) -> list[str]:
    """What grew between two samples of the process."""
    print(f"memory {first.memory_mb:.0f} -> {last.memory_mb:.0f} MB, ", end="")
    print(f"threads {first.threads} -> {last.threads}, open files {first.files} -> {last.files}")
    grown = {
        "memory": last.memory_mb - first.memory_mb > GROWTH_MB,
        "threads": last.threads > first.threads,
        "open files": last.files > first.files,
    }
    return [f"{name} grew" for name, grew in grown.items() if grew]


def ends(door: Door) -> list[str]:
    """SIGTERM ends it."""
    door.process.terminate()
    try:
        code = door.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return ["SIGTERM is not answered within 10 s"]
    print(f"SIGTERM: exit code {code}; {door.lines} decisions, {door.bad_lines} lines that are no JSON")
    lost = os.geteuid() == 0  # snapshots, while the disk was full: the exit code says so
    return [f"exit code {code}"] * (code != lost) + ["torn JSON lines"] * (door.bad_lines > 0)


def day(door: Door, all_faults: dict[str, Callable[[], str] | str], minutes: float) -> list[str]:
    """Rounds of faults until the time is over, two at least. Returns what did not hold."""
    end, troubles, samples = time.monotonic() + minutes * 60, [], []
    works(door)
    while len(samples) < 2 or time.monotonic() < end:
        print(f"round {len(samples) + 1}", flush=True)
        troubles += one_round(door, all_faults)
        sample = look(door.process.pid, time.monotonic())
        if sample is None:
            return troubles
        samples.append(sample)
    return troubles + compare(samples[0], samples[-1]) + ends(door)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="(default: %(default)s)")
    parser.add_argument("--log", type=Path, default=Path("faults.log"), help="where the door's log goes")
    asked = parser.parse_args()
    camera = FaultyCamera()
    with TemporaryDirectory() as name:
        disk_folder, jump = Path(name) / "disk", Path(name) / "jump"
        with small_disk(disk_folder) as disk, running_door(camera.uri, disk, jump, asked.log) as door:
            try:
                troubles = day(door, faults(door, camera, disk, jump), asked.minutes)
            except Trouble as trouble:
                troubles = [f"at the start: {trouble}"]
    camera.close()
    for trouble in troubles:
        print(f"FAILED: {trouble}")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
