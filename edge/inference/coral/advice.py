"""What is wrong with an Edge TPU, its usual cause, and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import Advice
from edge.inference.coral.child import ChildError
from edge.inference.coral.sysfs import CoralDevice
from edge.inference.runtime import runtime_version

LIBRARY = "libedgetpu1-std 16.0tf2.19.1-1 from https://github.com/feranick/libedgetpu/releases"
"""The newest build for current TFLite runtimes.

Google's own, of 2021, breaks with those of 2.12 and later (google-coral/edgetpu#812).
"""

USB2 = 480
"""Mbit/s."""


def absent() -> Advice:
    """No device in sysfs."""
    return Advice("no Coral Edge TPU on USB or PCIe", "plug it in")


def gone() -> Advice:
    """It was in use and is not in sysfs any more."""
    return Advice("the Edge TPU has gone from USB or PCIe: unplugged, or without power", "plug it in again")


def not_compiled(models: Sequence[Path]) -> Advice:
    """These have no compiled file beside them."""
    names = ", ".join(f"{path.stem}_edgetpu.tflite" for path in models)
    together = " --co-compile" if len(models) > 1 else ""
    command = f"python -m convert.compile {' '.join(path.name for path in models)}{together} --out ."
    return Advice(
        f"{names} not found in {models[0].parent}",
        f"on an x86-64 PC, in its folder of models: `{command}`, and copy what it writes",
    )


def failed(error: ChildError, device: CoralDevice) -> Advice:
    """The child process failed."""
    if error.kind == "crash":
        return _crash(error)
    if error.kind == "hang":
        return Advice(
            f"the Edge TPU hangs ({error.stage}: {error.text})",
            "usually its firmware hangs: unplug it, wait a moment, plug it in again; "
            "if it hangs again, take another cable or a powered hub",
        )
    if error.kind == "mismatch":
        return Advice(f"the compiled model is not this model's ({error.text})", "compile it again")
    return _failed_at_stage(error, device)


def _failed_at_stage(error: ChildError, device: CoralDevice) -> Advice:
    text = _first(error.text)
    if error.stage == "start":
        return Advice(
            f"no process for the Edge TPU can be started ({error.text})",
            "is the memory used up? `free -m` shows it",
        )
    if error.stage == "import":
        return Advice(f"the TFLite runtime cannot be loaded for it ({text})", "`pip install ai-edge-litert`")
    if error.stage == "load":
        return _load(error, device)
    if error.stage == "allocate":
        return Advice(
            f"the Edge TPU's library does not take the model ({text})",
            f"usually runtime and library are of two makes: install {LIBRARY}",
        )
    return Advice(
        f"an inference on the Edge TPU failed ({text})",
        "usually its cable, its power or heat: take a USB 3 port, or a powered hub",
    )


def _crash(error: ChildError) -> Advice:
    if error.stage == "run":
        return Advice(
            f"the Edge TPU's library gave up ({error.text})",
            "usually the stick lost its power or its cable is loose: take another port or a powered hub",
        )
    return Advice(
        f"the Edge TPU's library crashed ({error.stage}: {error.text})",
        f"usually Google's libedgetpu of 2021 with a newer runtime (here {runtime_version()}): "
        f"install {LIBRARY}",
    )


def _load(error: ChildError, device: CoralDevice) -> Advice:
    if "Failed to load delegate" in error.text:  # TFLite's own words; it raises nothing more precise
        return Advice(
            f"the Edge TPU's library cannot open the {device.describe()}",
            "usually another program has it, or its cable or power is weak",
        )
    return Advice(f"the Edge TPU's library cannot be loaded ({_first(error.text)})", f"install {LIBRARY}")


def wrong(steps: float, limit: float) -> Advice:
    """The compiled models' results are not the CPU's. steps: mean distance, in int8 steps."""
    return Advice(
        f"the Edge TPU answers wrongly: its results are {steps:.0f} of 255 steps from the CPU's on average, "
        f"more than {limit:.0f}",
        "usually compiled from another file, or the chip is too hot: compile it again, or cool it",
    )


def slow(milliseconds: float, on_cpu: float, device: CoralDevice) -> Advice:
    """It is no faster than the CPU."""
    if 0 < device.speed <= USB2:
        cause = f"its port runs at {device.speed} Mbit/s: plug it into a USB 3 port (blue)"
    else:
        cause = "usually a model that is compiled only in part: `python -m convert.inspect` shows it"
    return Advice(
        f"the Edge TPU is slow: {milliseconds:.1f} ms for all models, the CPU takes {on_cpu:.1f} ms",
        f"{cause}; [accelerator] slow_at sets the limit",
    )


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it does not say why")
