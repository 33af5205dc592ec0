"""The whole path with tiny models.

`blobs` finds bright cells; `brightness` says mask for white and mask worn wrong for grey.
"""

import numpy as np

from edge.decision import Policy
from edge.errors import SinkError
from edge.inference.faces import SSDFaceDetector
from edge.inference.masks import MaskClassifier
from edge.picture_health import PictureHealth
from edge.pipeline import Pipeline
from edge.tracking import Tracker
from edge.types import Frame, Label
from tests.builders import DATA

CLASSIFIED = {255: Label.WITH_MASK, 170: Label.INCORRECT_MASK}


def scene(index: int, value: int | None = 255, seconds_a_frame: float = 0.1) -> Frame:
    """A dark wall with one bright cell of 160x160 px, or none."""
    pixels = np.random.default_rng(index).integers(0, 30, (480, 640, 3), np.uint8)
    if value is not None:
        pixels[160:320, 160:320] = value
    return Frame(pixels, index, index * seconds_a_frame, "test")


def build(live: bool = False) -> Pipeline:
    detector, classifier = (
        SSDFaceDetector(DATA / "blobs.tflite", 1),
        MaskClassifier(DATA / "brightness.tflite", 1),
    )
    return Pipeline(detector, classifier, Tracker(), Policy(), health=PictureHealth() if live else None)


class ListSource:
    """Gives a list of frames; an exception in the list is raised, None is a time-out."""

    name, dropped, skipped, format = "list", 0, 0, ""

    def __init__(self, items, live=False):
        self.items, self.live, self.problem, self.closed = list(items), live, None, 0

    @property
    def finished(self):
        return not self.items

    def read(self, timeout):
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed += 1


class ListSink:
    lost = 0

    def __init__(self, name="list", fail_at=None):
        self.name, self.fail_at, self.results, self.closed = name, fail_at, [], 0

    def handle(self, result):
        self.results.append(result)
        if len(self.results) == self.fail_at:
            raise SinkError("out of paper")

    def close(self):
        self.closed += 1
