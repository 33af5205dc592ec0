"""The contract that every source must pass."""

import time

import numpy as np
import pytest

from edge.config.tables import SourceConfig
from edge.sources.demo import DemoSource
from edge.sources.live import LiveFeed
from edge.sources.opening import open_source
from edge.sources.picamera import PiCameraSource
from tests import fake_picamera2
from tests.edge.sources.builders import write_pictures, write_video


@pytest.fixture(
    params=["demo", "demo live", "picture", "folder", "video", "feed", "picamera", "picamera feed"]
)
def source(request, tmp_path, monkeypatch):
    fake_picamera2.install(monkeypatch, fake_picamera2.Device(np.full((48, 64, 3), (200, 0, 0), np.uint8)))
    makers = {
        "demo": lambda: DemoSource(0.5),
        "demo live": lambda: DemoSource(0.3, realtime=True),
        "picture": lambda: open_source(SourceConfig(str(next(write_pictures(tmp_path, 1).iterdir())))),
        "folder": lambda: open_source(SourceConfig(str(write_pictures(tmp_path)))),
        "video": lambda: open_source(SourceConfig(str(write_video(tmp_path / "a.avi")))),
        "feed": lambda: LiveFeed(lambda: DemoSource(0.3, realtime=True)),
        "picamera": lambda: PiCameraSource(0, SourceConfig("", 64, 48, 100)),
        "picamera feed": lambda: open_source(SourceConfig("picamera:0", 64, 48, 100)),
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_contract(source):
    """Frames are RGB uint8, count up, and carry rising times and the source's name.

    After the last frame `finished` is true and `read` gives None. A camera has no last frame: it is closed.
    """
    frames = []
    assert source.problem is None
    assert source.dropped == 0 or source.live
    assert isinstance(source.format, str)
    deadline = time.monotonic() + 10
    while not source.finished and time.monotonic() < deadline:
        frame = source.read(0.2)
        if frame is not None:
            frames.append(frame)
        if len(frames) == 40:
            source.close()
    assert frames, "no frame at all"
    assert source.finished
    assert source.read(0.01) is None
    for frame in frames:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.ndim == 3
        assert frame.pixels.shape[2] == 3
        assert frame.source == source.name
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    assert [f.captured_at for f in frames] == sorted(f.captured_at for f in frames)
    if not source.live:
        assert frames[0].captured_at == 0.0
        assert [f.index for f in frames] == list(range(len(frames)))


def test_close_is_idempotent_and_ends_the_source(source):
    source.close()
    source.close()
    assert source.finished


def test_colours_are_rgb(tmp_path):
    for path in (write_pictures(tmp_path / "p", 1), write_video(tmp_path / "a.avi")):
        with open_source(SourceConfig(str(path))) as source:
            red, _, blue = source.read(1).pixels.reshape(-1, 3).mean(axis=0)
        assert red > 150
        assert blue < 60
