"""`python -m edge bench`: how long each stage takes, and how much the loop adds to the bare inferences."""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.commands.options import Commands, configure
from edge.counts import Counts

if TYPE_CHECKING:
    from edge.door import Door
    from edge.pipeline import Pipeline

WARM_UP = 10
"""Frames before the measurement."""

STAGES = ("read", "resize", "detect", "crop", "classify", "track", "decide")


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    command = commands.add(
        "bench",
        handle,
        "Measure every stage on this machine.",
        commands.models,
        example="python -m edge bench --json",
    )
    command.add_argument(
        "--source", metavar="URI", help="where the frames to measure come from (default: demo)"
    )
    command.add_argument(
        "--frames", type=int, default=150, help="number of frames to measure (default: %(default)s)"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")


def handle(arguments: argparse.Namespace) -> int:
    """Time every stage, and print the figures."""
    from edge.door import open_camera, open_door_without_sinks
    from edge.sources.demo import DemoSource

    config = configure(arguments, {"source": {"uri": arguments.source}})
    source = DemoSource() if (arguments.source or "demo") == "demo" else open_camera(config)
    with open_door_without_sinks(config, source) as door:
        figures = run_bench(door, arguments.frames)
    print(json.dumps(figures) if arguments.json else as_text(figures))
    return 0


class _Clocks:
    """Seconds that the models have taken so far."""

    def __init__(self, pipeline: Pipeline) -> None:
        from edge.inference.faces import SSDFaceDetector
        from edge.inference.tiles import untiled

        detector = untiled(pipeline.detector)
        self._ssd = detector if isinstance(detector, SSDFaceDetector) else None
        self._models = [pipeline.classifier.model, *([self._ssd.model] if self._ssd else [])]

    def invoke_s(self) -> float:
        """Seconds in the bare `invoke()` calls."""
        return sum(model.invoke_s for model in self._models)

    def prepare_s(self) -> float:
        """Seconds in making the detector's input picture."""
        return self._ssd.prepare_s if self._ssd else 0.0

    @property
    def whole(self) -> bool:
        """Whether every inference is counted: the cascade is no TFLite model, and has no `invoke()`."""
        return self._ssd is not None


@dataclass(slots=True)
class _Samples:
    """What was measured."""

    stages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Stage -> milliseconds of each frame."""
    invoke_ms: float = 0.0
    """Milliseconds of all `invoke()` calls."""
    counts: Counts = field(default_factory=Counts)
    devices: set[str] = field(default_factory=set)
    """What the models ran on: `cpu`, `edgetpu`, or both."""


def run_bench(door: Door, frames: int) -> dict[str, Any]:
    """Process `frames` frames after a warm-up.

    Returns milliseconds of each stage (p50, p90, p99), frames a second without the source's own time, peak
    memory (MB), start-up (s) and, with a TFLite detector, the time of the whole loop divided by the time of
    its `invoke()` calls over the same frames.
    """
    clocks = _Clocks(door.pipeline)
    first = _measure(door, clocks, 1)
    first_decision = process_age() if first.counts.frames else None
    _measure(door, clocks, WARM_UP - 1)
    samples = _measure(door, clocks, frames)
    figures = _figures(samples, samples.invoke_ms if clocks.whole else None, first_decision)
    figures["tiles"] = getattr(door.pipeline.detector, "tiles", 1)
    return figures | {"models_ran_on": " and ".join(sorted(samples.devices))}


def _measure(door: Door, clocks: _Clocks, frames: int) -> _Samples:
    samples = _Samples()
    for _ in range(frames):
        begin = time.perf_counter()
        frame = door.source.read(5.0)
        if frame is None:
            break
        read, invoked, prepared = time.perf_counter(), clocks.invoke_s(), clocks.prepare_s()
        result = door.pipeline.process(frame)
        loop = time.perf_counter() - read
        own = {
            "read": (read - begin) * 1e3,
            "loop": loop * 1e3,
            "resize": (clocks.prepare_s() - prepared) * 1e3,
        }
        samples.invoke_ms += (clocks.invoke_s() - invoked) * 1e3
        for stage, value in {**own, **result.timings_ms}.items():
            samples.stages[stage].append(value)
        samples.counts.add(result, frame.captured_at, door.source.dropped)
        accelerator = door.pipeline.accelerator
        samples.devices.add("edgetpu" if accelerator and accelerator.in_use else "cpu")
    return samples


def process_age() -> float:
    """Seconds since this process began, with the start of the interpreter (proc(5), field 22 of stat)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _figures(samples: _Samples, invoke_ms: float | None, first_decision: float | None) -> dict[str, Any]:
    stages = {
        stage: _percentiles(samples.stages[stage]) for stage in (*STAGES, "loop") if samples.stages[stage]
    }
    loop, counts = sum(samples.stages["loop"]), samples.counts
    return {
        "frames": counts.frames,
        "faces_per_frame": round(counts.faces / counts.frames, 2) if counts.frames else 0.0,
        "stages_ms": stages,
        "fps": round(counts.frames / loop * 1e3, 1) if loop else 0.0,
        "loop_to_invoke": round(loop / invoke_ms, 3) if invoke_ms else None,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "start_to_first_decision_s": round(first_decision, 2) if first_decision else None,
    }


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    values = np.percentile(milliseconds, (50, 90, 99))
    return {name: round(float(value), 3) for name, value in zip(("p50", "p90", "p99"), values, strict=True)}


def as_text(figures: dict[str, Any]) -> str:
    """The figures as a small table."""
    lines = [f"{'stage':10}{'p50':>9}{'p90':>9}{'p99':>9}  ms"]
    lines += [
        f"{stage:10}{row['p50']:9.2f}{row['p90']:9.2f}{row['p99']:9.2f}"
        for stage, row in figures["stages_ms"].items()
    ]
    ratio = figures["loop_to_invoke"]
    lines += [
        "(detect includes resize; loop is everything after read)",
        f"{figures['frames']} frames, {figures['faces_per_frame']} faces a frame, "
        f"{figures['fps']} frames a second",
        f"loop / bare invoke() calls: {ratio if ratio else 'n/a: the cascade is no TFLite model'}",
        f"the detector ran {figures['tiles']} times a frame ([detector] tiles)",
        f"the models ran on: {figures['models_ran_on']}",
        f"peak memory {figures['peak_memory_mb']} MB, "
        f"start to first decision {figures['start_to_first_decision_s']} s",
    ]
    return "\n".join(lines)
