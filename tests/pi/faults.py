#!/usr/bin/env python3
"""A day of faults in some minutes: does the door stay safe through each of them, and come back after it?

    sudo python tests/pi/faults.py --minutes 10
    python tests/pi/faults.py --rounds 1 "camera cut" "loop hangs"

Runs `mask-edge run` (watched_door.py) on a camera that can be told to fail (faulty_camera.py), and brings one
fault after the other, again and again: the camera stalls, cuts its frames, lies, and goes away; the disk of
snapshots and JSON lines fills up (needs root); nobody reads the log; the loop hangs; the process is stopped
and goes on; the wall clock jumps. A fault that cannot be made here is named as left out.

Looked at: all the time, the relay is open `stale_after_s` after the last `pass`, at once after another
decision, and 0.5 s later at the latest; in a fault of the camera the door is `uncertain` in time, and never
`pass` from then on; in the others the decisions go on; after each, somebody masked is let in again. At the
end, memory, threads, open files and files on disk are as after the first round, all JSON lines are whole, and
SIGTERM ends the process. Exit code 1 where one of these did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.pi.faulty_camera import FaultyCamera, Mood  # noqa: E402
from tests.pi.relay_watch import RelayWatch  # noqa: E402
from tests.pi.soak import Sample, look  # noqa: E402

STALE_AFTER_S = 3.0
"""The settings `source.stale_after_s` and `gpio.stale_after_s`."""

FAULT_S, BACK_S = 8.0, 75.0
"""How long a fault lasts, and how long the door may take to work again, s."""

LATE_S = 2.0
"""For what is still on its way from the camera."""

STILL_S = 5.0
"""Seconds after which a picture with a face that does not change is frozen."""

DISK_BYTES, KEEP = 8_000_000, 5
"""Of the small disk; and the number of snapshots that are kept on it."""

GROWTH_MB, GROWTH_AT_FIRST_MB = 40.0, 150.0
"""Memory that may be taken from the first round to the last, and from the start, when caches fill.

With frames of 36 MB the allocator's pools fill up until about the eighth round; then nothing more is taken.
"""

LINES = "lines.jsonl"
RELAY = 26

WITHIN = {Mood.FROZEN: STILL_S, Mood.TINY: 1.0}
"""Seconds in which the door must notice; for other faults of the camera STALE_AFTER_S."""


@dataclass
class Door:
    """The process under test, and what is known of it."""

    process: subprocess.Popen[bytes]
    relay: RelayWatch
    reading_log: Event = field(default_factory=Event)

    @property
    def state(self) -> str:
        return self.relay.state

    def read_log(self, stderr: IO[bytes], file: IO[bytes]) -> None:
        while self.reading_log.wait() and (text := os.read(stderr.fileno(), 65536)):
            file.write(text)


class Trouble(Exception):
    """Something that must hold did not."""


Fault = Callable[[], str]
"""Brings a fault and takes it away again; returns what was seen. Raises Trouble."""


def wait_for(what: str, seconds: float, holds: Callable[[], bool]) -> float:
    """Seconds until it holds. Raises Trouble when it does not in time."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise Trouble(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - started


def works(door: Door) -> None:
    """The door decides: somebody is seen bare, then let in masked."""
    for state in ("deny", "pass"):
        wait_for(f"the door says {state}", BACK_S, lambda state=state: door.state == state)
    wait_for("the relay closes", BACK_S, lambda: door.relay.closed)


def camera_fault(door: Door, camera: FaultyCamera, mood: Mood) -> str:
    """From some seconds on, `pass` must not be said any more."""
    camera.mood = mood
    try:
        within = WITHIN.get(mood, STALE_AFTER_S) + LATE_S
        states = ("uncertain", "idle") if mood is Mood.TINY else ("uncertain",)
        took = wait_for("uncertain", within, lambda: door.state in states)
        end = time.monotonic() + FAULT_S - min(took, FAULT_S - 1)
        while time.monotonic() < end:
            if door.state == "pass":
                raise Trouble("the door says pass without a frame to trust")
            time.sleep(0.02)
    finally:
        camera.mood = Mood.WHOLE
    return f"{door.state} after {took:.1f} s"


def huge_pictures(door: Door, camera: FaultyCamera) -> str:
    """They are a picture like any other, only slow."""
    camera.mood = Mood.HUGE
    try:
        return goes_on(door, a_second=0.25)
    finally:
        camera.mood = Mood.WHOLE


def goes_on(door: Door, a_second: float = 1.0) -> str:
    """The decisions go on while a fault lasts."""
    before = door.relay.results
    time.sleep(FAULT_S)
    count = door.relay.results - before
    if count < FAULT_S * a_second:
        raise Trouble(f"{count} decisions in {FAULT_S:.0f} s")
    return f"{count} decisions in {FAULT_S:.0f} s"


def log_blocked(door: Door) -> str:
    """Nobody reads the log, and the pipe is full to the last byte."""
    assert door.process.stderr is not None
    door.reading_log.clear()
    pipe = os.open(f"/proc/self/fd/{door.process.stderr.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        with contextlib.suppress(BlockingIOError):
            while os.write(pipe, b"."):
                pass
        return goes_on(door)
    finally:
        os.close(pipe)
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
    lines, before = (folder / LINES).stat().st_size, time.time()
    took = wait_for("a new snapshot", BACK_S, lambda: newest(folder) > before)
    wait_for("a new JSON line", BACK_S, lambda: (folder / LINES).stat().st_size > lines)
    return f"{told}; a snapshot again after {took:.0f} s"


def newest(folder: Path) -> float:
    """When the newest snapshot was written, s since 1970; 0 without one."""
    return max((path.stat().st_mtime for path in folder.glob("*.jpg")), default=0.0)


def loop_hangs(door: Door) -> str:
    """The deciding thread stands still while somebody is let in: the relay opens by itself."""
    wait_for("the relay closes", BACK_S, lambda: door.relay.closed and door.state == "pass")
    door.relay.order(hang_s=FAULT_S)
    wait_for("the relay opens", STALE_AFTER_S + LATE_S, lambda: not door.relay.closed)
    before = door.relay.results
    wait_for("decisions come again", FAULT_S + LATE_S, lambda: door.relay.results > before + 1)
    return f"the relay opened {door.relay.latest_s:.2f} s after the last pass, at the latest"


def stopped(door: Door) -> str:
    """While it stands still nothing in it can act; then nothing is carried over."""
    wait_for("the relay closes", BACK_S, lambda: door.relay.closed and door.state == "pass")
    os.kill(door.process.pid, signal.SIGSTOP)
    door.relay.stopped()
    time.sleep(FAULT_S)
    goes_on_at = time.monotonic()
    door.relay.goes_on()
    os.kill(door.process.pid, signal.SIGCONT)
    took = wait_for("the relay opens", LATE_S, lambda: not door.relay.closed)
    wait_for("a decision", STALE_AFTER_S + 5, lambda: door.relay.result_at > goes_on_at)
    return f"the relay opened {took:.2f} s after it went on; {door.state} at first"


def clock_jumps(door: Door) -> str:
    told = ""
    for years in (10, -10, 0):
        door.relay.order(jump_s=years * 365.25 * 86400)
        told = goes_on(door)
    return told


def faults(door: Door, camera: FaultyCamera, disk: Path) -> dict[str, Fault | str]:
    """Name -> how it is brought about, or why it is left out."""
    bring = functools.partial(camera_fault, door, camera)
    moods = [mood for mood in Mood if mood not in (Mood.WHOLE, Mood.HUGE)]
    return {
        **{f"camera {mood.name.lower()}": functools.partial(bring, mood) for mood in moods},
        "camera huge": lambda: huge_pictures(door, camera),
        "disk full": (lambda: disk_full(door, disk)) if os.geteuid() == 0 else "needs root for a small disk",
        "log read by nobody": lambda: log_blocked(door),
        "loop hangs": lambda: loop_hangs(door),
        "process stopped": lambda: stopped(door),
        "clock jumps": lambda: clock_jumps(door),
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
def running_door(uri: str, disk: Path, log: Path) -> Iterator[Door]:
    """`mask-edge run` with all that is watched. It is killed where it does not end."""
    settings = {
        "SOURCE_STALE_AFTER_S": STALE_AFTER_S,
        "GPIO_STALE_AFTER_S": STALE_AFTER_S,
        "GPIO_RELAY": RELAY,
        "GPIO_RELAY_MAX_ON_S": 60,
        "GPIO_RED": 17,
        "SNAPSHOT_KEEP": KEEP,
    }
    words = ["run", "--source", uri, "--jsonl", str(disk / LINES), "--snapshots", str(disk), "--debug"]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.pi.watched_door", str(theirs.fileno()), *words],
        cwd=ROOT,
        env={**os.environ, **{f"MASK_EDGE_{key}": str(value) for key, value in settings.items()}},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    door = Door(process, RelayWatch(ours, f"GPIO{RELAY}", STALE_AFTER_S))
    door.reading_log.set()
    door.relay.start()
    assert process.stderr
    with log.open("wb") as file:
        reader = Thread(target=door.read_log, args=(process.stderr, file), daemon=True)
        reader.start()
        try:
            yield door
        finally:
            process.kill()
            process.wait()
            reader.join(timeout=5)
            door.relay.close()
            process.stderr.close()


def one_round(door: Door, all_faults: dict[str, Fault | str]) -> list[str]:
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
        troubles += [f"{name}: {seen}" for seen in door.relay.take_faults()]
        if door.process.poll() is not None:
            return [*troubles, f"{name}: the process ended with {door.process.returncode}"]
    return troubles


def settled(door: Door) -> Sample | None:
    """What the process holds, without what it holds for a moment, such as a snapshot that is written."""
    samples = []
    for _ in range(10):
        samples.append(look(door.process.pid, time.monotonic()))
        time.sleep(0.1)
    if None in samples:
        return None
    least = {item.name: min(getattr(sample, item.name) for sample in samples) for item in fields(Sample)}
    return Sample(**least)


def compare(first: Sample, last: Sample, growth_mb: float) -> list[str]:
    """What grew between two samples of the process."""
    print("            first     last   may grow by")
    print(f"memory MB  {first.memory_mb:6.0f}   {last.memory_mb:6.0f}   {growth_mb:6.0f}")
    print(f"threads    {first.threads:6d}   {last.threads:6d}        0")
    print(f"open files {first.files:6d}   {last.files:6d}        0")
    grown = {
        "memory": last.memory_mb - first.memory_mb > growth_mb,
        "threads": last.threads > first.threads,
        "open files": last.files > first.files,
    }
    return [f"{name} grew" for name, grew in grown.items() if grew]


def on_disk(folder: Path) -> list[str]:
    """What lies on the disk that should not, and lines that are not whole."""
    pictures = list(folder.glob("*.jpg"))
    others = {path.name for path in folder.iterdir()} - {path.name for path in pictures} - {LINES}
    lines = (folder / LINES).read_bytes().splitlines()
    bad = sum(not is_json(line) for line in lines)
    print(f"on disk: {len(pictures)} snapshots, {len(lines)} JSON lines, {bad} of them not whole")
    troubles = [f"{len(pictures)} snapshots, {KEEP} are to be kept"] if len(pictures) > KEEP else []
    troubles += [f"{name} lies on the disk" for name in sorted(others)]
    return troubles + ["torn JSON lines"] * (bad > 0)


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def ends(door: Door, lost: bool) -> list[str]:
    """SIGTERM ends it. lost: whether snapshots or lines were lost: then the exit code says so."""
    wait_for("the relay closes", BACK_S, lambda: door.relay.closed)
    door.process.terminate()
    try:
        code = door.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return ["SIGTERM is not answered within 10 s"]
    time.sleep(0.2)
    relay = door.relay
    print(f"SIGTERM: exit code {code}; {relay.results} decisions; the relay closed {relay.closings} times")
    print(f"it opened {relay.latest_s:.2f} s after the last pass, at the latest; ", end="")
    print(f"{relay.slowest_s:.2f} s after another result")
    troubles = [f"exit code {code}"] * (code != lost) + ["the relay stays closed"] * relay.closed
    return troubles + relay.take_faults()


def day(door: Door, chosen: dict[str, Fault | str], disk: Path, minutes: float, rounds: int) -> list[str]:
    """Rounds of faults. Returns what did not hold.

    rounds: their number; 0: until the time is over, two at least.
    """
    works(door)
    end, troubles, samples = time.monotonic() + minutes * 60, [], [settled(door)]
    while len(samples) <= rounds if rounds else len(samples) < 3 or time.monotonic() < end:
        print(f"round {len(samples)}", flush=True)
        troubles += one_round(door, chosen)
        samples.append(settled(door))
        if samples[-1] is None:
            return troubles
        print(f"  {samples[-1].memory_mb:.0f} MB")
    first, growth = (samples[0], GROWTH_AT_FIRST_MB) if len(samples) < 3 else (samples[1], GROWTH_MB)
    assert first is not None and samples[-1] is not None
    troubles += compare(first, samples[-1], growth) + on_disk(disk)
    return troubles + ends(door, lost=callable(chosen.get("disk full")))


def run(names: list[str], minutes: float, rounds: int, log: Path) -> list[str]:
    """All of it. names: of the faults; empty: all. Returns what did not hold."""
    camera = FaultyCamera()
    try:
        with (
            TemporaryDirectory() as place,
            small_disk(Path(place) / "disk") as disk,
            running_door(camera.uri, disk, log) as door,
        ):
            known = faults(door, camera, disk)
            try:
                return day(door, {name: known[name] for name in names or known}, disk, minutes, rounds)
            except Trouble as trouble:
                return [f"at the start or end: {trouble}"]
    finally:
        camera.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("faults", nargs="*", help="names as they are printed (default: all)")
    parser.add_argument("--minutes", type=float, default=10.0, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=0, help="instead of minutes")
    parser.add_argument("--log", type=Path, default=Path("faults.log"), help="where the door's log goes")
    asked = parser.parse_args()
    troubles = run(asked.faults, asked.minutes, asked.rounds, asked.log)
    for trouble in troubles:
        print(f"FAILED: {trouble}")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
