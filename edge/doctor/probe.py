"""Tries in a child process what may crash or hang: models, camera, Coral. The last line on stdout is JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np

from edge.address import Kind
from edge.config.reading import Config, load_config
from edge.door import build_accelerator, open_camera
from edge.errors import Advice, MaskEdgeError, one_line
from edge.inference.interpreter import import_runtime
from edge.inference.shipped import build_classifier, build_detector
from edge.optional import import_cv2
from edge.picture_health import PictureHealth
from edge.sources.base import Source
from edge.sources.picamera import AI_CAMERA, camera_model
from edge.types import Frame, Problem

FIRST_FRAME_S = 8.0
"""Seconds that the first frame may take."""

WATCH_S = 3.0
"""Seconds that the frames are watched for."""


def probe_models(config: Config) -> dict[str, Any]:
    """Runtime, versions, and the milliseconds of each model's second inference.

    OpenCV's version shows that it can be imported. Raises MaskEdgeError.
    """
    runtime = import_runtime()
    frame = Frame(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), 0, 0.0, "doctor")
    detector, classifier = build_detector(config.detector), build_classifier(config.classifier)
    stages: dict[str, Callable[[], object]] = {
        "detector": lambda: detector.detect(frame),
        "classifier": lambda: classifier.classify([frame.pixels[:224, :224]]),
    }
    for run in stages.values():
        run()
    return {
        "runtime": runtime.name,
        "version": metadata.version(runtime.name.replace("_", "-")),
        "numpy": np.__version__,
        "opencv": import_cv2().__version__,
        "models": {name: round(_milliseconds(run), 1) for name, run in stages.items()},
    }


def probe_camera(config: Config) -> dict[str, Any]:
    """About three seconds of the configured source, and how its last frame looks.

    The exposure settles during the first frames. An AI Camera is not opened, since that wears it out. Raises
    MaskEdgeError.
    """
    if config.source.uri.kind is Kind.MODULE and camera_model(config.source.uri.module) == AI_CAMERA:
        return {"name": config.source.uri.name, "delicate": AI_CAMERA}
    # The encoder of a stream repeats pictures, so that a still one is no fault there.
    health = PictureHealth() if config.source.uri.is_stream else PictureHealth(still_after_s=WATCH_S / 2)
    count, first_at, last, fault = 0, 0.0, None, None
    at_once = replace(config, source=replace(config.source, wait=False))
    with closing(open_camera(at_once)) as source:
        for frame in _watch(source):
            first_at = first_at if count else frame.captured_at
            count, last, fault = count + 1, frame, health.problem(frame)
        problem, pixel_format = source.problem or (Problem(fault) if fault else None), source.format
    if last is None:
        return {"name": source.name, "frames": 0, "problem": _words(problem)}
    seconds = last.captured_at - first_at
    return {
        "name": source.name,
        "frames": count,
        "fps": (count - 1) / seconds if seconds > 0 else 0.0,
        "width": last.width,
        "height": last.height,
        "format": pixel_format,
        "preview": None if last.preview is None else [last.preview.shape[1], last.preview.shape[0]],
        "mean": [round(float(value), 1) for value in last.pixels.mean(axis=(0, 1))],
        "problem": _words(problem),
    }


def _words(problem: Problem | None) -> str | None:
    return None if problem is None else str(problem)


def _watch(source: Source) -> Iterator[Frame]:
    """The frames of WATCH_S seconds from the first on; none where the first does not come in time."""
    end = time.monotonic() + FIRST_FRAME_S
    first = True
    while time.monotonic() < end and not source.finished:
        frame = source.read(0.25)
        if frame is not None:
            if first:
                first, end = False, time.monotonic() + WATCH_S
            yield frame


def _milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def probe_coral(config: Config) -> dict[str, Any]:
    """The door's own trial of the Edge TPU: whether it would be used, or why not. Raises MaskEdgeError."""
    detector, classifier = build_detector(config.detector), build_classifier(config.classifier)
    with build_accelerator(config, detector, classifier, live=False) or nullcontext() as accelerator:
        status = (accelerator and accelerator.status) or Advice("switched off")
        return {
            "in_use": bool(accelerator and accelerator.in_use),
            "what": status.what,
            "cure": status.cure,
        }


PROBES = {"models": probe_models, "camera": probe_camera, "coral": probe_coral}


def main(words: Sequence[str]) -> None:
    """Print the answer to the one word, which is one of PROBES. stdin: the configuration, as JSON."""
    look(words[0], sys.stdin.read())


def look(what: str, configuration: str) -> None:
    """Print the answer, or {"error": what is wrong, "cure": what to do}."""
    try:
        answer = PROBES[what](load_config(None, {}, json.loads(configuration)))
    except MaskEdgeError as error:
        answer = {"error": error.what, "cure": error.cure}
    except Exception as error:
        answer = {"error": one_line(error), "cure": ""}
    print(json.dumps(answer), flush=True)
