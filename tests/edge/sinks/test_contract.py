"""Every sink passes the contract."""

import pytest

from edge.config.indicators import GpioConfig, ScreenConfig
from edge.sinks.base import BackgroundSink
from edge.sinks.gpio.sink import GpioSink
from edge.sinks.jsonl import JsonLinesSink
from edge.sinks.log import LogSink
from edge.sinks.retry import RetryingSink
from edge.sinks.screen.sink import ScreenSink
from edge.sinks.snapshot import SnapshotSink
from tests.edge.sinks.builders import check_contract


@pytest.fixture(
    params=["log", "jsonl file", "jsonl stdout", "snapshot", "background", "gpio", "screen", "retrying"]
)
def sink(request, tmp_path):
    makers = {
        "log": LogSink,
        "jsonl file": lambda: JsonLinesSink(str(tmp_path / "sub/events.jsonl"), every_frame=True),
        "jsonl stdout": lambda: JsonLinesSink("-"),
        "snapshot": lambda: SnapshotSink(tmp_path / "pictures"),
        "gpio": lambda: GpioSink(GpioConfig(red=17, green=22, relay=26, factory="mock")),
        "screen": lambda: ScreenSink(ScreenConfig(device="dummy")),
        "retrying": lambda: RetryingSink("log", LogSink),
        "background": lambda: BackgroundSink(SnapshotSink(tmp_path / "pictures")),
    }
    return makers[request.param]()


def test_contract(sink, capfd):
    check_contract(sink)
