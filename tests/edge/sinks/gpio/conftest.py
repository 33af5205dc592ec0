"""Mock pins that the sink uses and the tests look at."""

import pytest

from edge.sinks.gpio import sink as gpio_module
from edge.sinks.gpio.sink import GpioSink
from tests.edge.sinks.gpio.builders import ALL


@pytest.fixture
def factory(monkeypatch):
    """One mock factory that the sink uses and the test looks at."""
    mock = pytest.importorskip("gpiozero.pins.mock").MockFactory()
    monkeypatch.setattr(gpio_module, "open_factory", lambda kind: mock)
    monkeypatch.setattr("edge.commands.gpio_test.open_factory", lambda kind: mock)
    yield mock
    mock.reset()


@pytest.fixture
def make(factory):
    sinks = []

    def build(config=ALL, **options):
        sinks.append(GpioSink(config, **options))
        return sinks[-1]

    yield build
    for sink in sinks:
        sink.close()
