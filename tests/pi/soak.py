#!/usr/bin/env python3
"""Soak: the loop runs for a long time on the built-in scene, paced like a camera. Is its memory steady?

    python tests/pi/soak.py --minutes 30            # someone at the door every 18 s: a busy door
    python tests/pi/soak.py --minutes 10 --idle     # nobody ever comes
    python tests/pi/soak.py --minutes 30 -- --source usb:0 --config /etc/mask-edge/config.toml

Runs `python -m edge run` in a process of its own and reads its resident memory, threads, open files and
processor time from /proc every 10 s; writes them to OUT.csv, and the log to OUT.log. At the end: figures,
log bytes per hour, and the memory's slope with its 95 % interval. Exits 1 if the process ended by itself,
or if memory, threads or files grow.

The slope is a least-squares line without the first part of the run (caches fill, the allocator settles).
Memory readings depend on the ones before: the line's standard error is widened by
sqrt((1 + r) / (1 - r)), r being the residuals' lag-1 autocorrelation (Santer et al. 2000, JGR 105).
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IDLE_SCENE = "from edge.sources import demo; demo.SCENE = ((18.0, 'nobody'),)"


@dataclass(frozen=True)
class Sample:
    """What /proc says of the process.

    memory_mb is resident; a leak would add to anonymous_mb, a part of it. cpu_s counts from the start.
    """

    seconds: float
    memory_mb: float
    anonymous_mb: float
    threads: int
    files: int
    cpu_s: float


@dataclass(frozen=True)
class Line:
    """A straight line through samples: slope and half of its 95 % interval, per hour."""

    slope: float
    margin: float

    @property
    def grows(self) -> bool:
        return self.slope > self.margin


def main() -> int:
    arguments = parse()
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    words = ["run", *(arguments.run or ["--source", "demo"])]
    start = (
        [sys.executable, "-c", f"{IDLE_SCENE}; from edge.commands.main import main; main({words!r})"]
        if arguments.idle
        else [sys.executable, "-m", "edge", *words]
    )
    with out.with_suffix(".log").open("wb") as log, subprocess.Popen(start, cwd=ROOT, stderr=log) as process:
        try:
            samples = watch(process, arguments.minutes * 60, arguments.every, out.with_suffix(".csv"))
            alive = process.poll() is None
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
    return report(samples, arguments, alive and code == 0, code, out.with_suffix(".log"))


def watch(process: subprocess.Popen[bytes], seconds: float, every: float, csv: Path) -> list[Sample]:
    """One sample every few seconds, in memory and in a file."""
    started, samples = time.monotonic(), []
    with csv.open("w", buffering=1) as file:
        file.write(",".join(field.name for field in fields(Sample)) + "\n")
        while time.monotonic() - started < seconds and process.poll() is None:
            time.sleep(every)
            sample = look(process.pid, time.monotonic() - started)
            if sample is not None:
                samples.append(sample)
                file.write(",".join(f"{value:g}" for value in astuple(sample)) + "\n")
    return samples


def look(pid: int, seconds: float) -> Sample | None:
    """proc_pid_status(5) and proc_pid_stat(5); None where the process has gone."""
    folder = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        times = (folder / "stat").read_text().rpartition(")")[2].split()
        cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        kilobytes = [int(status[key].split()[0]) for key in ("VmRSS", "RssAnon")]
        return Sample(
            seconds,
            kilobytes[0] / 1024,
            kilobytes[1] / 1024,
            int(status["Threads"]),
            len(list((folder / "fd").iterdir())),
            cpu,
        )
    except (OSError, KeyError):
        return None


def fit(seconds: list[float], values: list[float]) -> Line:
    """Least squares with a standard error for readings that follow one another."""
    hours = [second / 3600 for second in seconds]
    slope, base = statistics.linear_regression(hours, values)
    rest = [value - base - slope * hour for hour, value in zip(hours, values, strict=True)]
    spread = sum(value**2 for value in rest)
    if spread < 1e-12:
        return Line(slope, 0.0)
    r = min(max(sum(a * b for a, b in itertools.pairwise(rest)) / spread, 0.0), 0.99)
    centre = statistics.fmean(hours)
    error = math.sqrt(spread / (len(rest) - 2) / sum((hour - centre) ** 2 for hour in hours))
    return Line(slope, 1.96 * error * math.sqrt((1 + r) / (1 - r)))


def report(samples: list[Sample], arguments: argparse.Namespace, clean: bool, code: int, log: Path) -> int:
    """Print what was seen; 1 if something is wrong."""
    settled = [sample for sample in samples if sample.seconds >= arguments.settle * 60 * arguments.minutes]
    if not clean or len(settled) < 10:
        print(f"the process ended with {code} after {samples[-1].seconds if samples else 0:.0f} s; see {log}")
        return 1
    first, last = settled[0], settled[-1]
    hours = (last.seconds - first.seconds) / 3600
    busy = (last.cpu_s - first.cpu_s) / hours / 36
    measured = f"{last.seconds / 60:.1f} min, the first {first.seconds / 60:.1f} left out"
    print(f"{measured}; {busy:.0f} % of one core")
    memory = f"{first.memory_mb:.1f} settled, {last.memory_mb:.1f} at the end"
    print(f"resident memory: {samples[0].memory_mb:.1f} MB at the start, {memory}")
    bad = False
    for name in ("memory_mb", "anonymous_mb"):
        line = fit([sample.seconds for sample in settled], [getattr(sample, name) for sample in settled])
        bad |= line.grows
        verdict = "grows" if line.grows else "steady: the interval holds 0, or it shrinks"
        interval = f"{line.slope - line.margin:+.3f} to {line.slope + line.margin:+.3f}"
        print(f"{name}: {line.slope:+.3f} MB an hour, 95 % interval {interval}: {verdict}")
    for name in ("threads", "files"):
        values = [getattr(sample, name) for sample in settled]
        bad |= (
            statistics.fmean(values[len(values) // 2 :]) > statistics.fmean(values[: len(values) // 2]) + 0.5
        )
        print(f"{name}: {min(values)} to {max(values)}, {values[-1]} at the end")
    lines = log.read_bytes().splitlines()
    size, total = log.stat().st_size, last.seconds / 3600
    rate = f"{len(lines) / total:.0f} lines and {size / total / 1000:.1f} kB an hour"
    print(f"log: {len(lines)} lines, {size} bytes: {rate}")
    return 1 if bad else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="(default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=10.0, metavar="S", help="between two samples (default: %(default)s)"
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=0.2,
        metavar="PART",
        help="of the run, left out at its start (default: %(default)s)",
    )
    parser.add_argument("--idle", action="store_true", help="a scene in which nobody ever comes")
    parser.add_argument(
        "--out", default="soak", help="begin of the names of the files written (default: %(default)s)"
    )
    parser.add_argument(
        "run", nargs="*", help="after --: what to give to `python -m edge run` (default: --source demo)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
