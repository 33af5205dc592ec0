"""Runs in a child process what may crash or hang: `python -m edge.doctor.probe models CONFIGURATION`. The last line on stdout is JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from edge.app import build_classifier, build_detector
from edge.config import Config, load_config
from edge.errors import MaskEdgeError
from edge.inference.interpreter import import_runtime
from edge.types import Frame


def probe_models(config: Config) -> dict[str, Any]:
    """Runtime, versions, and the time of each stage's second inference, ms. Raises MaskEdgeError."""
    runtime = import_runtime()
    frame = Frame(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), 0, 0.0, "doctor")
    detector, classifier = build_detector(config), build_classifier(config)
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
        "models": {name: round(_milliseconds(run), 1) for name, run in stages.items()},
    }


def _milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


PROBES = {"models": probe_models}


def main(what: str, configuration: str) -> None:
    """Print the answer, or {"error": one line}."""
    try:
        answer = PROBES[what](load_config(None, {}, json.loads(configuration)))
    except MaskEdgeError as error:
        answer = {"error": str(error)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
