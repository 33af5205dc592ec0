"""A built-in scene: someone walks in bare, puts a mask on, lets it slip, puts it right, and leaves.

No camera is needed. The person is Eileen Collins, in NASA's portrait of her (portrait.jpg, 512x512, public
domain); the masks are drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.optional import import_cv2
from edge.pictures.drawn_masks import MaskStyle, draw_mask
from edge.pictures.files import read_picture
from edge.preprocess import resize
from edge.sources.base import SourceDefaults
from edge.types import Frame, Pixels

WIDTH, HEIGHT, RATE = 640, 480, 10
PORTRAIT = Path(__file__).with_name("portrait.jpg")
LANDMARKS = ((203.4, 103.6), (247.5, 104.4), (224.1, 127.7), (204.0, 143.1), (242.9, 143.7))
"""Eyes, nose and mouth corners in the portrait, px."""

ZOOM = 1.5
STAND_X = 150.0
"""Where the portrait's left edge stands in the scene once the person has walked in, px."""

SCENE: tuple[tuple[float, str], ...] = (
    (1.0, "nobody"),
    (2.0, "walks in"),
    (5.0, "bare"),
    (8.5, "masked"),
    (12.0, "nose bare"),
    (15.0, "masked"),
    (16.0, "walks out"),
    (18.0, "nobody"),
)
"""(end, action): what happens until this second; after the last one the scene begins again."""

STYLES = {
    "bare": None,
    "masked": MaskStyle(),
    "nose bare": MaskStyle(top=0.86, bottom=1.95),
    "walks in": None,
    "walks out": MaskStyle(),
}


class DemoSource(SourceDefaults):
    """The scene at 640x480, 10 frames a second."""

    name = "demo"

    def __init__(
        self,
        seconds: float | None = None,
        realtime: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """seconds: length of the scene; None: it never ends.

        realtime: frames come at the pace and with the time of `clock`, like a camera's; otherwise as fast as
        they are read. Raises MissingLibraryError without OpenCV.
        """
        self.live = realtime
        self._clock = clock
        self._started = clock()
        self._index = 0
        self._frames = None if seconds is None else round(seconds * RATE)
        portrait = read_picture(PORTRAIT)
        self._wall = _make_wall(portrait)
        self._alpha = _person_alpha()
        self._beside = 1 - self._alpha
        self._people = {
            name: portrait if style is None else draw_mask(portrait, LANDMARKS, style)
            for name, style in STYLES.items()
        }
        self._people = {name: resize(picture, *_person_size()) for name, picture in self._people.items()}

    @property
    def finished(self) -> bool:
        return self._frames is not None and self._index >= self._frames

    def read(self, timeout: float) -> Frame | None:
        if self.finished:
            return None
        at = self._index / RATE
        if self.live:
            wait = self._started + at - self._clock()
            if wait > 0:
                time.sleep(wait)
        frame = Frame(self._draw(at, self._index), self._index, self._clock() if self.live else at, self.name)
        self._index += 1
        return frame

    def close(self) -> None:
        self._frames = self._index

    def _draw(self, at: float, index: int) -> Pixels:
        action, progress = act(at)
        scene = self._wall.copy()
        if action != "nobody":
            walked = {"walks in": 1 - progress, "walks out": -progress}.get(action, 0.0)
            x = STAND_X + walked * (WIDTH - STAND_X) + 6 * np.sin(2.1 * at)  # nobody stands quite still
            self._paste(scene, self._people[action], round(x), round(4 * np.sin(3.3 * at)))
        return _grainy(scene, index)

    def _paste(self, scene: Pixels, person: Pixels, x: int, y: int) -> None:
        height, width = person.shape[:2]
        left, right, top, bottom = max(x, 0), min(x + width, WIDTH), max(y, 0), min(y + height, HEIGHT)
        if left >= right:
            return
        part = slice(top - y, bottom - y), slice(left - x, right - x)
        behind = scene[top:bottom, left:right]
        behind[:] = import_cv2().blendLinear(person[part], behind, self._alpha[part], self._beside[part])


def act(at: float) -> tuple[str, float]:
    """What happens at a second of the scene, and how far it has gone, 0..1."""
    at %= SCENE[-1][0]
    begin = 0.0
    for end, action in SCENE:
        if at < end:
            return action, (at - begin) / (end - begin)
        begin = end
    raise AssertionError("the scene has no end")


def _person_size() -> tuple[int, int]:
    return round(512 * ZOOM), round(512 * ZOOM)


def _make_wall(portrait: Pixels) -> Pixels:
    """A blurred wall in the portrait's own colours, uneven enough not to count as a covered camera."""
    cv2 = import_cv2()
    wall = cv2.GaussianBlur(resize(portrait[:200, 340:], WIDTH, HEIGHT), (0, 0), 25)
    return np.asarray(wall, np.uint8)


def _grainy(scene: Pixels, seed: int) -> Pixels:
    """With the noise of a sensor, in grains of 4x4 px."""
    cv2 = import_cv2()
    grains = np.random.default_rng(seed).integers(-3, 4, (HEIGHT // 4, WIDTH // 4), np.int16)
    noise = cv2.resize(grains, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.add(scene, cv2.merge([noise] * 3), dtype=cv2.CV_8U), np.uint8)


def _person_alpha() -> npt.NDArray[np.float32]:
    """float32 (h, w): head and shoulders with a soft edge."""
    cv2 = import_cv2()
    mask = np.zeros((512, 512), np.float32)
    cv2.ellipse(mask, (224, 110), (78, 100), 0, 0, 360, 1.0, -1)
    cv2.ellipse(mask, (215, 400), (170, 225), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 8)
    return np.asarray(cv2.resize(soft, _person_size()), np.float32)
