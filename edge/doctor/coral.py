"""The Coral Edge TPU: is it there, may it be opened, are models compiled for it, is it fast enough?"""

from __future__ import annotations

import subprocess

from edge.doctor.check import Context
from edge.doctor.probing import last_json, run_probe
from edge.doctor.service import is_running
from edge.doctor.software import model_paths
from edge.host.findings import AGAIN, Finding, ok, warn
from edge.inference.coral import advice
from edge.inference.coral.compiled import compiled_path
from edge.inference.coral.sysfs import CoralDevice, access_problem, find_devices

CORAL_S = 45.0
"""Seconds for the firmware, both models, and the 30 s after which the trial itself ends."""


def check_coral(context: Context) -> Finding:
    """Look at sysfs and files, then try it in a child process.

    It is not tried while the service has it: only one program can open it.
    """
    use = context.config.accelerator.use
    devices = find_devices(context.machine.root / "sys", context.machine.root / "dev")
    if not devices:
        return _absent() if use == "edgetpu" else ok("none")
    device = devices[0]
    if use == "cpu":
        return ok(f"{device.describe()}, not used: [accelerator] use is cpu")
    problem = access_problem(device)
    if problem:
        return warn(*problem)
    missing = [path for path in model_paths(context.config) if not compiled_path(path).is_file()]
    if missing:
        what, cure = advice.not_compiled(missing)
        return warn(f"{device.describe()}, but {what}", cure)
    if is_running(context.machine.service):
        return ok(f"{device.describe()}; the service has it")
    return _try_coral(context, device)


def _absent() -> Finding:
    what, cure = advice.absent()
    return warn(f"configured as the accelerator, but {what}: the CPU runs the models", cure)


def _try_coral(context: Context, device: CoralDevice) -> Finding:
    """The door's own trial: library, compiled models, results like the CPU's, and speed."""
    try:
        answer = last_json(run_probe(context, "coral", CORAL_S).stdout)
    except subprocess.TimeoutExpired:
        return warn(
            f"{device.describe()}: no trial within {CORAL_S:.0f} s",
            "unplug it, wait a moment, plug it in again",
        )
    if "error" in answer:
        return warn(answer["error"], answer["cure"] or AGAIN)
    return ok(answer["what"]) if answer["in_use"] else warn(answer["what"], answer["cure"])
