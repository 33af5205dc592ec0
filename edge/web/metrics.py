"""The door's figures in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from edge import __version__
from edge.types import Label, State
from edge.web.app import Requests
from edge.web.board import BUCKETS_S, Board, Histogram
from edge.web.sensors import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: a value with its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    """Behind the metric's name: `_bucket`, `_sum` or `_count` of a histogram."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with its samples."""

    name: str
    kind: str
    """`gauge`, `counter` or `histogram`."""
    text: str
    samples: tuple[Sample, ...]

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {self.kind}"
        for sample in self.samples:
            yield f"{self.name}{sample.suffix}{_labels(sample.labels)} {_number(sample.value)}"


def as_text(metrics: Iterable[Metric]) -> str:
    """All metrics, those without a sample left out."""
    return "".join(f"{line}\n" for metric in metrics if metric.samples for line in metric.lines())


def door_metrics(board: Board, viewers: int) -> Iterator[Metric]:
    """What the door decides, and how fast."""
    seen, counts = board.seen, board.counts
    yield gauge("mask_edge_info", "What runs here.", 1, {"version": __version__, "door": board.door})
    if seen is not None:
        decision = seen.result.decision
        yield Metric(
            "mask_edge_decision",
            "gauge",
            "1 for the state that the door is in.",
            tuple(Sample(decision.state is state, {"state": state}) for state in State),
        )
        yield Metric(
            "mask_edge_faces",
            "gauge",
            "Confirmed faces in view.",
            tuple(Sample(decision.counts.get(label, 0), {"label": label}) for label in Label),
        )
        yield gauge("mask_edge_degraded", "1 while a part does not work.", seen.result.degraded is not None)
    yield Metric(
        "mask_edge_decisions_total",
        "counter",
        "How many times each state began.",
        tuple(Sample(counts.decisions.get(state, 0), {"state": state}) for state in State),
    )
    yield counter("mask_edge_tracks_total", "Faces that were confirmed.", counts.new_faces)
    yield counter("mask_edge_frames_total", "Frames that were decided on.", counts.frames)
    yield counter("mask_edge_frames_dropped_total", "Frames that a newer one replaced.", counts.dropped)
    if board.last_frame is not None:
        at = board.last_frame.timestamp()
        yield gauge("mask_edge_last_frame_timestamp_seconds", "When the newest frame came.", at)
    yield gauge("mask_edge_viewers", "Viewers of moving pictures.", viewers)
    yield Metric(
        "mask_edge_stage_duration_seconds",
        "histogram",
        "How long each stage takes for one frame.",
        tuple(_histogram_samples(board.stages())),
    )


def machine_metrics(health: Health) -> Iterator[Metric]:
    """What the board and the process say of themselves. What is not known is left out."""
    sensors = health.sensors
    if sensors.temperature_c is not None:
        yield gauge(
            "mask_edge_board_temperature_celsius", "The processor's temperature.", sensors.temperature_c
        )
    if sensors.throttled is not None:
        yield gauge("mask_edge_board_throttled", "1 while the processor is slowed down.", sensors.throttled)
    if health.memory_mb is not None:
        size = health.memory_mb * 2**20
        yield gauge("process_resident_memory_bytes", "Resident memory of the process.", size)
    yield counter("process_cpu_seconds_total", "Processor time of the process.", time.process_time())


def request_metrics(requests: Requests) -> Iterator[Metric]:
    """The answers of the server, by the route's template and the status code."""
    yield Metric(
        "mask_edge_http_requests_total",
        "counter",
        "Answers to HTTP requests.",
        tuple(
            Sample(count, {"route": route, "code": str(code)})
            for (route, code), count in sorted(requests.answers.items())
        ),
    )


def gauge(name: str, text: str, value: float, labels: Mapping[str, str] | None = None) -> Metric:
    """A value that goes up and down."""
    return Metric(name, "gauge", text, (Sample(value, labels or {}),))


def counter(name: str, text: str, value: float) -> Metric:
    """A value that only goes up."""
    return Metric(name, "counter", text, (Sample(value),))


def _histogram_samples(stages: Mapping[str, Histogram]) -> Iterator[Sample]:
    for stage, histogram in stages.items():
        for limit, count in zip((*BUCKETS_S, math.inf), histogram.cumulative(), strict=True):
            yield Sample(count, {"stage": stage, "le": _number(limit)}, "_bucket")
        yield Sample(histogram.sum_s, {"stage": stage}, "_sum")
        yield Sample(sum(histogram.counts), {"stage": stage}, "_count")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
