"""What is installed: configuration, models, libraries, and a runtime that can run the models."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from edge.config.reading import Config
from edge.doctor.check import Context
from edge.doctor.probing import last_json, run_probe
from edge.errors import Advice, MaskEdgeError
from edge.host.findings import AGAIN, Finding, fail, fail_for, ok, warn
from edge.host.installation import STATE, hidden_from_service, is_service_config
from edge.inference.card import load_card
from edge.inference.runtime import runtime_version
from edge.inference.shipped import asked_detector, classifier_path, falls_back
from edge.optional import installed

TESTED_RUNTIME = "ai-edge-litert 2.1.6"
"""Name and version of the runtime that setup.sh installs."""

PROBE_S = 60.0
"""Seconds for the probe, which usually takes 1 to 3.

The first import after the installation takes much longer on a busy Pi Zero with a slow card.
"""


def check_config(context: Context) -> Finding:
    """Whether the file and the environment are valid: keys, types and ranges."""
    path, error = context.config_path, context.config_error
    if error is None:
        return ok(str(path) if path else "none given: the defaults (and MASK_EDGE_* variables)")
    if path is not None and path.exists() and not os.access(path, os.R_OK):
        return fail(f"{path}: no permission to read it", "sudo mask-edge doctor")
    return fail(error.what, error.cure or "correct it; `python -m edge config example` shows every key")


def check_models(context: Context) -> Finding:
    """Whether each model is there and complete, and is the one that its card describes."""
    advice = falls_back(context.config.detector)
    if advice:
        return fail(*advice)
    paths = model_paths(context.config)
    try:
        cards = [load_card(path) for path in paths]
    except MaskEdgeError as error:
        return fail_for(error)
    if is_service_config(context.config_path, context.machine.root):
        hidden = [advice for advice in map(hidden_model, paths) if advice]
        if hidden:
            return fail(*hidden[0])
    return ok(", ".join(f"{card.path.name} ({card.task}, SHA-256 {card.sha256[:8]})" for card in cards))


def hidden_model(path: Path) -> Advice | None:
    """What it means that the service cannot see a model; None where it can."""
    hidden = hidden_from_service(path)
    if hidden is None:
        return None
    return Advice(
        f"{path}: the service sees nothing in {hidden}",
        f"copy model and card to /{STATE}, and name that path",
    )


def check_opencv(context: Context) -> Finding:
    """Whether OpenCV is installed: USB cameras, streams, pictures and the window need it.

    It is not imported here; the probe of the runtime does that.
    """
    if not installed("cv2"):
        return fail(
            "OpenCV is not installed",
            "sudo apt install python3-opencv (or pip install opencv-python-headless)",
        )
    if not installed("simplejpeg"):
        return warn(
            "OpenCV is installed; simplejpeg is not, so some damaged JPEGs count as whole",
            "sudo apt install python3-simplejpeg (or pip install simplejpeg)",
        )
    return ok("installed")


def check_runtime(context: Context) -> Finding:
    """One inference of each model, in a child process: a runtime for another processor ends by a signal."""
    try:
        child = run_probe(context, "models", PROBE_S)
    except subprocess.TimeoutExpired:
        return fail(
            f"no inference within {PROBE_S:.0f} s",
            "the machine is overloaded or its card is failing: `top`, `sudo dmesg | tail`",
        )
    if child.returncode < 0:
        return fail(*_crash(signal.Signals(-child.returncode).name, runtime_version()))
    answer = last_json(child.stdout)
    if "error" in answer:
        return fail(answer["error"], answer["cure"] or AGAIN)
    models = ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in answer["models"].items())
    versions = f"{answer['runtime']} {answer['version']}, numpy {answer['numpy']}, OpenCV {answer['opencv']}"
    return ok(f"{versions}: {models}")


def _crash(name: str, runtime: str) -> Advice:
    """The runtime crashes on the shipped models; another model that does this is named by its own error."""
    what = f"the TFLite runtime crashes here ({name}), {runtime}"
    if runtime == TESTED_RUNTIME:
        return Advice(what, "its files may be damaged: install it again, on a Pi by `sudo ./setup.sh`")
    wanted = TESTED_RUNTIME.replace(" ", "==")
    return Advice(what, f"`pip install '{wanted}'` is the version tested on Raspberry Pi OS")


def model_paths(config: Config) -> list[Path]:
    """The model files that this configuration asks for; the cascade comes with OpenCV and has none.

    A detector that is missing is among them: the doctor has to tell of it.
    """
    detector = asked_detector(config.detector)
    return [*([detector] if detector else []), classifier_path(config.classifier)]
