"""What was installed: configuration, models, and a runtime that really runs them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from edge.config.reading import Config
from edge.doctor.check import Context
from edge.doctor.probing import last_json, run_probe
from edge.errors import MaskEdgeError
from edge.host.findings import Finding, fail, fail_for, ok
from edge.inference.card import load_card
from edge.inference.shipped import asked_detector, classifier_path, falls_back
from edge.optional import installed

PROBE_S = 60.0
"""Usually one to three seconds; the first import after the installation, from a slow card on a busy Pi Zero, takes many times that."""


def check_config(context: Context) -> Finding:
    """Valid as a whole: keys, types, ranges, and environment."""
    if (
        context.config_error
        and context.config_path is not None
        and context.config_path.exists()
        and not os.access(context.config_path, os.R_OK)
    ):
        return fail(f"{context.config_path}: no permission to read it", "sudo mask-edge doctor")
    if context.config_error:
        cure = context.config_error.cure or "correct it; `python -m edge config example` shows every key"
        return fail(context.config_error.what, cure)
    return ok(
        str(context.config_path)
        if context.config_path
        else "none given: the defaults (and MASK_EDGE_* variables)"
    )


def check_models(context: Context) -> Finding:
    """Each model is there, whole, and the one that its card describes."""
    advice = falls_back(context.config.detector)
    if advice:
        return fail(*advice)
    paths = model_paths(context.config)
    try:
        cards = [load_card(path) for path in paths]
    except MaskEdgeError as error:
        return fail_for(error)
    return ok(", ".join(f"{card.path.name} ({card.task}, SHA-256 {card.sha256[:8]})" for card in cards))


def check_opencv(context: Context) -> Finding:
    """USB cameras, streams, pictures and the window need it. Only found here: the runtime's child imports it."""
    if not installed("cv2"):
        return fail(
            "OpenCV is not installed",
            "sudo apt install python3-opencv (or pip install opencv-python-headless)",
        )
    return ok("installed")


def check_runtime(context: Context) -> Finding:
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
        return fail(answer["error"], answer["cure"] or "put that right, then `python -m edge doctor` again")
    models = ", ".join(f"{name} {milliseconds:.0f} ms" for name, milliseconds in answer["models"].items())
    return ok(
        f"{answer['runtime']} {answer['version']}, numpy {answer['numpy']}, OpenCV {answer['opencv']}: {models}"
    )


def model_paths(config: Config) -> list[Path]:
    """The files that this configuration uses; the cascade comes with OpenCV and has none.

    Not the door's own fall-back to it: a detector that is missing is a finding.
    """
    detector = asked_detector(config.detector)
    return [*([detector] if detector else []), classifier_path(config.classifier)]
