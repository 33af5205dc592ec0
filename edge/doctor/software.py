"""What was installed: configuration, models, and a runtime that really runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from edge.config.reading import Config, as_tables
from edge.doctor.check import Context, Result, fail, fail_for, ok
from edge.door import classifier_path, configured_detector
from edge.errors import MaskEdgeError
from edge.host.packages import packages_folder
from edge.inference.card import load_card
from edge.optional import installed

PROBE_S = 60.0
"""Usually one to three seconds; the first import after the installation, from a slow card on a busy Pi Zero, takes many times that."""


def check_config(context: Context) -> Result:
    """Valid as a whole: keys, types, ranges, and environment."""
    if (
        context.config_error
        and context.config_path is not None
        and context.config_path.exists()
        and not os.access(context.config_path, os.R_OK)
    ):
        return fail(f"{context.config_path}: no permission to read it", "sudo mask-edge doctor")
    if context.config_error:
        return fail(context.config_error, "correct it; `python -m edge config example` shows every key")
    return ok(
        str(context.config_path)
        if context.config_path
        else "none given: the defaults (and MASK_EDGE_* variables)"
    )


def check_models(context: Context) -> Result:
    """Each model is there, whole, and the one that its card describes."""
    paths = model_paths(context.config)
    try:
        cards = [load_card(path) for path in paths]
    except MaskEdgeError as error:
        return fail_for(str(error))
    return ok(", ".join(f"{card.path.name} ({card.task}, SHA-256 {card.sha256[:8]})" for card in cards))


def check_opencv(context: Context) -> Result:
    """USB cameras, streams, pictures and the window need it. Only found here: the runtime's child imports it."""
    if not installed("cv2"):
        return fail(
            "OpenCV is not installed",
            "sudo apt install python3-opencv (or pip install opencv-python-headless)",
        )
    return ok("installed")


def check_runtime(context: Context) -> Result:
    """One inference of each model, in a child: a runtime that does not fit the processor dies of a signal."""
    try:
        child = run_probe(context, "models", PROBE_S)
    except subprocess.TimeoutExpired:
        return fail(
            f"no inference within {PROBE_S:.0f} s",
            "the machine is overloaded or its card is failing: `top`, `sudo dmesg | tail`",
        )
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return fail(
            f"the TFLite runtime crashes here ({name})",
            "pip install 'ai-edge-litert==2.1.6' is the version tested on Raspberry Pi OS",
        )
    answer = last_json(child.stdout)
    if "error" in answer:
        return fail_for(answer["error"])
    models = ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in answer["models"].items())
    return ok(
        f"{answer['runtime']} {answer['version']}, numpy {answer['numpy']}, OpenCV {answer['opencv']}: {models}"
    )


def run_probe(context: Context, what: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """`edge.doctor.probe` in a child, from this very package: the working directory may hold another version of it.

    The configuration goes over stdin: a stream's password must not show in the list of processes. Raises subprocess.TimeoutExpired.
    """
    code = f"import sys; sys.path.insert(0, {str(packages_folder())!r}); from edge.doctor.probe import main; main(sys.argv[1], sys.stdin.read())"
    return context.run(
        [sys.executable, "-P", "-c", code, what], timeout, json.dumps(as_tables(context.config))
    )


def model_paths(config: Config) -> list[Path]:
    """The files that this configuration uses; the cascade comes with OpenCV and has none.

    Not the door's own fall-back to it: a detector that is missing is a finding.
    """
    detector = configured_detector(config)
    return [*([detector] if detector else []), classifier_path(config)]


def last_json(text: str) -> dict[str, Any]:
    """A probe's answer: the last line of what it printed; libraries may have talked before."""
    lines = text.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    return (
        answer
        if isinstance(answer, dict)
        else {"error": f"the probe gave no answer, but: {text.strip()[-200:] or 'nothing'}"}
    )
