"""Every sink passes the contract."""

import pytest

from edge.counts import Counts
from edge.sinks.base import BackgroundSink
from edge.sinks.gpio.config import GpioConfig
from edge.sinks.gpio.sink import GpioSink
from edge.sinks.jsonl import JsonLinesConfig, JsonLinesSink
from edge.sinks.log import LogConfig, LogSink
from edge.sinks.retry import RetryingSink
from edge.sinks.screen.config import ScreenConfig
from edge.sinks.screen.sink import ScreenSink
from edge.sinks.snapshot import SnapshotConfig, SnapshotSink
from tests.edge.sinks.builders import check_contract


@pytest.fixture(
    params=["log", "jsonl file", "jsonl stdout", "snapshot", "background", "gpio", "screen", "retrying"]
)
def sink(request, tmp_path):
    def log():
        return LogSink(LogConfig(), Counts())

    makers = {
        "log": log,
        "jsonl file": lambda: JsonLinesSink(JsonLinesConfig(str(tmp_path / "sub/events.jsonl"), "all")),
        "jsonl stdout": lambda: JsonLinesSink(JsonLinesConfig("-")),
        "snapshot": lambda: SnapshotSink(SnapshotConfig(str(tmp_path / "pictures"))),
        "gpio": lambda: GpioSink(GpioConfig(red=17, green=22, relay=26, factory="mock")),
        "screen": lambda: ScreenSink(ScreenConfig(device="dummy")),
        "retrying": lambda: RetryingSink("log", log),
        "background": lambda: BackgroundSink(SnapshotSink(SnapshotConfig(str(tmp_path / "pictures")))),
    }
    return makers[request.param]()


def test_contract(sink, capfd):
    check_contract(sink)
