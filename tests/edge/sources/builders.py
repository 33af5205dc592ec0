"""Videos, pictures and a camera for the tests of the sources."""

import time
from pathlib import Path

import cv2
import numpy as np

from edge.errors import SourceError
from edge.pictures.files import write_picture
from edge.sources.base import SourceDefaults
from edge.types import Frame
from tests.builders import make_frame


def write_video(path: Path, frames: int = 12, rate: int = 10) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    assert writer.isOpened()
    for i in range(frames):
        writer.write(np.full((48, 64, 3), (i * 10, 0, 255 - i * 10), np.uint8))  # BGR: reddish
    writer.release()
    return path


def noisy_jpeg() -> bytes:
    """A JPEG with something in each of its blocks."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def write_pictures(folder: Path, count: int = 3) -> Path:
    for i in range(count):
        write_picture(folder / f"{i}.png", np.full((20, 30, 3), (200, i, 0), np.uint8))
    return folder


class FakeCamera(SourceDefaults):
    """A live source that gives frames, and can be lost."""

    name, live = "fake", True

    def __init__(self, frames: int = 10**9, pause: float = 0.005) -> None:
        self.frames, self.pause, self.index, self.closed = frames, pause, 0, False

    @property
    def finished(self) -> bool:
        return False

    def read(self, timeout: float) -> Frame | None:
        time.sleep(self.pause)
        if self.index >= self.frames:
            raise SourceError("fake: unplugged")
        self.index += 1
        return make_frame(index=self.index, at=time.monotonic())

    def close(self) -> None:
        self.closed = True


def read_one(source):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        frame = source.read(0.5)
        if frame is not None:
            return frame
    raise AssertionError("no frame")
