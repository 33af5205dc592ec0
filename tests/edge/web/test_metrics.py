"""The metrics, as Prometheus' own parser reads them."""

import math

import pytest

from edge.types import State
from edge.web.metrics import Sample, as_text, gauge
from tests.edge.sinks.builders import make_result
from tests.edge.web.builders import pages

pytest.importorskip("aiohttp", reason="aiohttp is not installed: the metrics were NOT tested")
parser = pytest.importorskip(
    "prometheus_client.parser", reason="prometheus_client is not installed: the metrics were NOT judged by it"
)

NAMES = {
    "mask_edge_info",
    "mask_edge_decision",
    "mask_edge_decisions",
    "mask_edge_faces",
    "mask_edge_tracks",
    "mask_edge_frames",
    "mask_edge_frames_dropped",
    "mask_edge_stage_duration_seconds",
    "mask_edge_last_frame_timestamp_seconds",
    "mask_edge_degraded",
    "mask_edge_viewers",
    "process_resident_memory_bytes",
    "process_cpu_seconds",
    "mask_edge_http_requests",
}
"""Without `_total`, which the parser takes off."""


@pytest.fixture
def families():
    with pages() as door:
        for state in (State.IDLE, State.DENY, State.DENY):
            result = make_result(state)
            door.counts.add(result, 1.0)
            door.sink.handle(result)
        door.client.get("/nothing?secret=1")
        door.client.get("/api/v1/events?since=7")
        answer = door.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {family.name: family for family in parser.text_string_to_metric_families(answer.body.decode())}


def values(family, *labels):
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in family.samples}


def test_every_metric_is_there(families):
    assert set(families) - {"mask_edge_board_temperature_celsius", "mask_edge_board_throttled"} == NAMES
    assert all(family.documentation for family in families.values())


def test_the_decision_is_one_of_its_states(families):
    assert values(families["mask_edge_decision"], "state") == {
        (state,): float(state is State.DENY) for state in State
    }
    decided = values(families["mask_edge_decisions"], "state")
    assert (decided[("idle",)], decided[("deny",)], decided[("pass",)]) == (1, 1, 0)
    assert values(families["mask_edge_faces"], "label")[("with_mask",)] == 1


def test_the_histogram_is_cumulative_and_ends_with_all(families):
    samples = [
        s for s in families["mask_edge_stage_duration_seconds"].samples if s.labels["stage"] == "detect"
    ]
    buckets = [s.value for s in samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    count = next(s.value for s in samples if s.name.endswith("_count"))
    assert (buckets[-1], count) == (3, 3)
    assert next(s.value for s in samples if s.name.endswith("_sum")) == pytest.approx(0.012)


def test_routes_are_templates_and_never_what_was_asked_for(families):
    routes = values(families["mask_edge_http_requests"], "route", "code")
    assert routes[("other", "404")] == 1
    assert routes[("/api/v1/events", "200")] == 1


def test_labels_are_escaped_and_numbers_whole_where_they_can_be():
    text = as_text([gauge("a", "A.", 3.0, {"x": 'a"b\\c\nd'}), gauge("b", "B.", 0.25)])
    assert 'a{x="a\\"b\\\\c\\nd"} 3\n' in text
    assert "b 0.25\n" in text
    (first, _) = parser.text_string_to_metric_families(text)
    assert first.samples[0].labels == {"x": 'a"b\\c\nd'}
    assert Sample(math.inf).value == math.inf
