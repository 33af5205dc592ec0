"""A clock, and a bus that is not there."""

import pytest

from edge.sinks.screen import displays
from tests.edge.sinks.screen.builders import FakeBus


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def bus(monkeypatch, tmp_path):
    smbus2 = pytest.importorskip("smbus2")
    monkeypatch.setattr(displays, "DEVICES", tmp_path)
    (tmp_path / "i2c-1").write_text("")
    monkeypatch.setattr(smbus2, "SMBus", FakeBus)
    monkeypatch.setattr(FakeBus, "present", True)
    monkeypatch.setattr(FakeBus, "written", 0)
    monkeypatch.setattr(FakeBus, "opened", 0)
    return FakeBus
