"""`python -m edge bench`: how long each stage takes on this machine, and how much the loop adds to the bare inferences."""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import TFLiteModel
from edge.pipeline import Pipeline
from edge.sources.base import Source
from edge.types import Frame

WARM_UP = 10
STAGES = ("read", "resize", "detect", "crop", "classify", "track", "decide")


class _Counted:
    """Stands before a model and times its bare `invoke()`."""

    def __init__(self, model: TFLiteModel) -> None:
        self.times: list[float] = []
        self._invoke = model.invoke
        model.invoke = self  # type: ignore[method-assign]

    def __call__(self) -> None:
        start = time.perf_counter()
        self._invoke()
        self.times.append((time.perf_counter() - start) * 1e3)


def run_bench(source: Source, pipeline: Pipeline, frames: int) -> dict[str, Any]:
    """Process `frames` frames after a warm-up.

    Returns milliseconds per stage (p50, p90, p99), frames a second without the source's own time, peak memory (MB), start-up (s) and, with
    a TFLite detector, the ratio of the whole loop to the sum of its `invoke()` calls over the same frames.
    """
    resize_times: list[float] = []
    detector = pipeline.detector
    counted = [_Counted(pipeline.classifier.model)]
    if isinstance(detector, SSDFaceDetector):
        counted.append(_Counted(detector.model))
        detector.prepare = _timed(detector.prepare, resize_times)  # type: ignore[method-assign, assignment]
    samples: dict[str, list[float]] = defaultdict(list)
    first_decision = None
    devices: set[str] = set()
    for index in range(frames + WARM_UP):
        if index == WARM_UP:
            for counter in counted:
                counter.times.clear()
            resize_times.clear()
            samples.clear()
            devices.clear()
        begin = time.perf_counter()
        frame = source.read(5.0)
        if frame is None:
            break
        read = time.perf_counter()
        result = pipeline.process(frame)
        first_decision = first_decision or process_age()
        devices.add("edgetpu" if pipeline.accelerator and pipeline.accelerator.in_use else "cpu")
        samples["read"].append((read - begin) * 1e3)
        samples["loop"].append((time.perf_counter() - read) * 1e3)
        samples["faces"].append(sum(result.decision.counts.values()))
        for stage, value in result.timings_ms.items():
            samples[stage].append(value)
    samples["resize"] = resize_times
    invokes = sum(sum(counter.times) for counter in counted)
    report = _report(samples, invokes if len(counted) == 2 else None, first_decision)
    return report | {"models_ran_on": " and ".join(sorted(devices))}


def process_age() -> float:
    """Seconds since this process began, interpreter start-up included (proc(5), field 22 of stat)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _timed(function: Callable[[Frame], Any], into: list[float]) -> Callable[[Frame], Any]:
    def call(frame: Frame) -> Any:
        start = time.perf_counter()
        value = function(frame)
        into.append((time.perf_counter() - start) * 1e3)
        return value

    return call


def _report(
    samples: dict[str, list[float]], invokes: float | None, first_decision: float | None
) -> dict[str, Any]:
    stages = {
        stage: dict(
            zip(
                ("p50", "p90", "p99"),
                (round(float(v), 3) for v in np.percentile(samples[stage], (50, 90, 99))),
                strict=True,
            )
        )
        for stage in (*STAGES, "loop")
        if samples[stage]
    }
    loop = sum(samples["loop"])
    return {
        "frames": len(samples["loop"]),
        "faces_per_frame": round(float(np.mean(samples["faces"])), 2),
        "stages_ms": stages,
        "fps": round(len(samples["loop"]) / loop * 1e3, 1),
        "loop_to_invoke": round(loop / invokes, 3) if invokes else None,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "start_to_first_decision_s": round(first_decision, 2) if first_decision else None,
    }


def text_report(report: dict[str, Any]) -> str:
    """The report as a small table."""
    lines = [f"{'stage':10}{'p50':>9}{'p90':>9}{'p99':>9}  ms"]
    lines += [
        f"{stage:10}{row['p50']:9.2f}{row['p90']:9.2f}{row['p99']:9.2f}"
        for stage, row in report["stages_ms"].items()
    ]
    ratio = report["loop_to_invoke"]
    lines += [
        "(detect includes resize; loop is everything after read)",
        f"{report['frames']} frames, {report['faces_per_frame']} faces a frame, {report['fps']} frames a second",
        f"loop / bare invoke() calls: {ratio if ratio else 'n/a: the cascade is no TFLite model'}",
        f"the models ran on: {report['models_ran_on']}",
        f"peak memory {report['peak_memory_mb']} MB, start to first decision {report['start_to_first_decision_s']} s",
    ]
    return "\n".join(lines)
