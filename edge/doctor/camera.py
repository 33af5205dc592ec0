"""The camera: opened in a child, because a driver may hang, and judged by its pictures."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.doctor.check import Context
from edge.doctor.groups import is_camera
from edge.doctor.probing import last_json, run_probe
from edge.doctor.service import is_running
from edge.host.findings import Finding, fail, ok, warn
from edge.host.service_state import ServiceState, read_state
from edge.sources.opening import is_stream, without_password

OPEN_S = 25.0
"""Network streams take up to 10 s to be refused, and a camera module two to start."""

DARK, BRIGHT = 25.0, 230.0
"""Mean brightness, 0..255: beyond these no face can be told. Not tuned: a lit room has 60 to 180."""

BLUISH = 1.6
"""Blue over red, of the whole picture's means. Rooms and skin are on the red side; a picture with both exchanged is far on the other."""


def check_camera(context: Context) -> Finding:
    """Open the configured source, look at some frames, close it."""
    uri = context.config.source.uri
    if not is_camera(context.config) and not is_stream(uri):
        return _check_other(uri)
    if is_running(context.machine.service):
        return _check_in_use(without_password(uri), read_state(context.machine.root))
    try:
        child = run_probe(context, "camera", OPEN_S)
    except subprocess.TimeoutExpired:
        return fail(
            f"{without_password(uri)}: its driver does not answer within {OPEN_S:.0f} s",
            "unplug it and plug it in again, or reboot",
        )
    if child.returncode < 0:
        return fail(
            f"{without_password(uri)}: the camera's library crashes (signal {-child.returncode})",
            "sudo apt full-upgrade, then reboot",
        )
    return judge_camera(last_json(child.stdout), context.config.source.fps)


def judge_camera(seen: Mapping[str, Any], fps: float) -> Finding:
    """A verdict on what the probe saw."""
    if "error" in seen:
        return fail(seen["error"], seen["cure"] or "put that right, then `python -m edge doctor` again")
    if not seen["frames"]:
        return fail(
            f"{seen['name']}: opened, but no picture came: {seen['problem'] or 'it says nothing'}",
            "look at its cable; try another port",
        )
    red, green, blue = seen["mean"]
    size = f"{seen['width']}x{seen['height']} {seen['format']}".rstrip()
    view = f", detector's view {seen['preview'][0]}x{seen['preview'][1]}" if seen["preview"] else ""
    colour = f"mean colour (R G B) {red:.0f} {green:.0f} {blue:.0f}"
    detail = f"{seen['name']}: {size}{view}, {seen['fps']:.1f} of {fps:g} fps, {colour}"
    brightness = (red + green + blue) / 3
    if seen["problem"]:
        return warn(f"{detail}: {seen['problem']}", "look at the lens, the light and the cable")
    if brightness < DARK:
        return warn(f"{detail}: too dark", "give the door light, or raise exposure_max_ms in [camera]")
    if brightness > BRIGHT:
        return warn(f"{detail}: overexposed", "turn the camera away from the sun or the lamp")
    if blue > BLUISH * max(red, 1.0):
        return warn(
            f"{detail}: very blue: red and blue may be exchanged",
            "hold something red before it and look at a `--snapshots` picture",
        )
    return ok(detail)


def _check_in_use(name: str, seen: ServiceState | None) -> Finding:
    """The running service has the camera: it is not opened a second time, but the service says what it sees."""
    if seen is None:
        return ok(f"{name} is the running service's, which has not seen a frame yet")
    if not seen.good_frames:
        return fail(
            f"the running service gets no good frames: {seen.line()}",
            "put that right; or `sudo systemctl stop mask-edge`, then this again",
        )
    look = "to look at its picture: `sudo systemctl stop mask-edge`, then this again"
    return ok(f"{name} is the running service's ({seen.line()}); {look}")


def _check_other(uri: str) -> Finding:
    if uri == "demo":
        return ok("demo: the built-in scene, no camera")
    return (
        ok(f"{uri}: no camera")
        if Path(uri).exists()
        else fail(f"{uri}: no such file", "correct [source] uri")
    )
