"""Runs a model on this machine's Coral Edge TPU, if there is one and the model is compiled."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from edge.config.tables import AcceleratorConfig
from edge.errors import ModelError
from edge.inference.coral import advice
from edge.inference.coral.accelerator import Accelerator
from edge.inference.coral.compiled import compiled_path
from edge.inference.coral.sysfs import find_devices
from edge.inference.interpreter import TFLiteModel

T = TypeVar("T")


def run_on_edgetpu(
    model: TFLiteModel, run: Callable[[], T], config: AcceleratorConfig | None = None
) -> tuple[T | None, str]:
    """The result of `run` while the model runs on an Edge TPU; or None, and why it cannot run there.

    The file that runs is the compiled one beside the model. The reason is empty if it ran. Raises ModelError
    if the Edge TPU is lost midway: a figure of two devices would describe neither.
    """
    path = compiled_path(model.card.path)
    if not path.is_file():
        return None, f"there is no {path.name} beside the int8 file; `python -m convert.compile` makes it"
    if not find_devices():
        return None, str(advice.absent())
    with Accelerator([model], config or AcceleratorConfig(slow_at=math.inf)) as accelerator:
        if not accelerator.start():
            return None, str(accelerator.status)
        result = run()
        if not accelerator.in_use:
            raise ModelError(f"{path}: the Edge TPU was lost on the way: {accelerator.status}")
    return result, ""


def edgetpu_entry(why: str) -> dict[str, Any]:
    """For a report: whether the Edge TPU was compared, and if not, why. why: empty if it was."""
    return {"compared": not why, "why": why}
