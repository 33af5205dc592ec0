"""Runs in the root: mask-edge's own source on the real picamera2 and libcamera.

Prints what it saw; the exit status is 1 if a check failed.
"""

import importlib.metadata
import logging
import sys
import time
from pathlib import Path

import libcamera
import numpy as np
import virtual_camera
from PIL import Image

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import SourceError
from edge.sources.opening import open_source
from edge.sources.picamera import PiCameraSource

RED, GREEN, BLUE, GREY = (230, 20, 20), (20, 210, 20), (20, 20, 230), (128, 128, 128)
failures = 0


def check(words: str, fine: bool, seen: object) -> None:
    global failures
    failures += not fine
    print(f"{'ok  ' if fine else 'FAIL'} {words}: {seen}", flush=True)


def draw_frames() -> None:
    """What the two virtual cameras show, with a sensor's noise.

    One shows red; the other red, green, grey, blue, clockwise from the top left corner.
    """
    red = np.full((480, 640, 3), RED, np.uint8)
    corners = red.copy()
    corners[:240, 320:], corners[240:, :320], corners[240:, 320:] = GREEN, BLUE, GREY
    for name, picture in {"red": red, "corners": corners}.items():
        folder = Path("/opt/frames") / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(5):
            noisy = picture + np.random.default_rng(number).integers(-4, 5, picture.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.jpg", quality=95)


def next_frame(source):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        frame = source.read(1.0)
        if frame is not None:
            return frame
    raise SystemExit("no frame within 10 s")


def corner_names(pixels: np.ndarray) -> list[str]:
    colours = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
    height, width = pixels.shape[:2]
    points = [
        pixels[y, x].astype(int)
        for y, x in ((40, 40), (40, width - 40), (height - 40, width - 40), (height - 40, 40))
    ]
    return [min(colours, key=lambda name: np.abs(np.array(colours[name]) - point).sum()) for point in points]


def see_red(number: int) -> None:
    with PiCameraSource(number, preview=(320, 256)) as source:
        given = source._camera.camera_configuration()
        frames = [next_frame(source) for _ in range(20)]
        main = given["main"]
        full = f"{main['format']} {main['size']} stride {main['stride']}"
        check("the camera gives", True, f"{full}, lores {given['lores']}")
        pixels = frames[-1].pixels
        colour = pixels.reshape(-1, 3).mean(axis=0).round(1)
        check("a red picture arrives red, R G B", colour[0] > 200 and max(colour[1:]) < 60, colour)
        check(
            "shape and type",
            pixels.shape == (480, 640, 3) and pixels.dtype == np.uint8,
            (pixels.shape, str(pixels.dtype)),
        )
        rate = 19 / (frames[-1].captured_at - frames[0].captured_at)
        check("frames a second: 15 asked, the camera gives 30", 5 < rate < 16, round(rate, 2))
        check("colour space asked and given back", True, given["colour_space"])
        preview = frames[-1].preview
        check(
            "a preview comes only from a smaller stream",
            preview is None or preview.shape[0] < 480,
            None if preview is None else preview.shape,
        )


def see_corners(number: int) -> None:
    upright = ["red", "green", "grey", "blue"]
    for changes, expected in (
        ({}, upright),
        ({"hflip": True}, ["green", "red", "blue", "grey"]),
        ({"vflip": True}, ["blue", "grey", "green", "red"]),
        ({"rotation": 90}, ["blue", "red", "green", "grey"]),
        ({"rotation": 180}, ["grey", "blue", "red", "green"]),
        ({"rotation": 270, "hflip": True}, ["red", "blue", "grey", "green"]),
    ):
        size = {"width": 480, "height": 640} if changes.get("rotation") in (90, 270) else {}
        with PiCameraSource(number, SourceConfig(**size), CameraConfig(**changes)) as source:
            frame = next_frame(source)
            seen = corner_names(frame.pixels)
            check(
                f"corners, clockwise, {changes or 'as it is'}",
                seen == expected,
                f"{frame.width}x{frame.height} {seen}",
            )


def lose_and_find(number: int) -> None:
    with open_source(SourceConfig(f"picamera:{number}")) as feed:
        check("frames before the loss", next_frame(feed) is not None, feed.name)
        virtual_camera.UNPLUGGED.touch()
        begin = time.monotonic()
        while feed.problem is None and time.monotonic() - begin < 20:
            feed.read(0.25)
        check(
            "the loss is noticed",
            feed.problem is not None,
            f"after {time.monotonic() - begin:.1f} s: {feed.problem}",
        )
        time.sleep(3)
        virtual_camera.UNPLUGGED.unlink()
        begin = time.monotonic()
        while feed.read(0.25) is None and time.monotonic() - begin < 30:
            pass
        check("and frames come again", feed.problem is None, f"after {time.monotonic() - begin:.1f} s")


def main() -> int:
    logging.basicConfig(level="INFO", stream=sys.stdout, format="     log: %(message)s")
    draw_frames()
    virtual_camera.UNPLUGGED.unlink(missing_ok=True)
    camera_manager = libcamera.CameraManager.singleton().version
    versions = f"libcamera {camera_manager}, numpy {np.__version__}"
    print(f"picamera2 {importlib.metadata.version('picamera2')}, {versions}")
    from picamera2 import Picamera2

    models = {camera["Model"]: number for number, camera in enumerate(Picamera2.global_camera_info())}
    check("cameras", set(models) == {"imx219", "imx708"}, models)
    red, corners = models["imx219"], models["imx708"]
    see_red(red)
    see_corners(corners)
    with PiCameraSource(red) as first:
        try:
            PiCameraSource(red)
            check("a second opening is refused", False, "it was not")
        except SourceError as error:
            check("a second opening is refused", "in use by another program" in str(error), error)
        check("and the first one goes on", next_frame(first) is not None, "a frame")
    with PiCameraSource(red) as source:
        check("closed, it can be opened again", next_frame(source) is not None, "a frame")
    try:
        PiCameraSource(7)
    except SourceError as error:
        check("a number too high", "no such camera" in str(error), error)
    lose_and_find(red)
    print("all checks passed" if not failures else f"{failures} checks FAILED")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
