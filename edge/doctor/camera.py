"""The camera: opened in a child process, because a driver may hang, and checked by its pictures."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.address import Address, Kind
from edge.doctor.check import Context
from edge.doctor.probing import last_json, run_probe
from edge.doctor.service import is_running
from edge.host.findings import AGAIN, Finding, fail, ok, warn
from edge.host.service_state import ServiceState, read_state
from edge.sources.picamera import REBOOT

OPEN_S = 25.0
"""Seconds for the probe: a network stream takes up to 10 s to fail, a camera module 2 s to start."""

DARK, BRIGHT = 25.0, 230.0
"""Mean brightness, 0..255, below or above which no face can be found. A lit room has 60 to 180."""

BLUISH = 1.6
"""Blue divided by red, of the means over the whole picture.

Rooms and skin have more red. A picture with red and blue exchanged has far more blue.
"""


def check_camera(context: Context) -> Finding:
    """Open the configured source, look at some frames, and close it."""
    uri = context.config.source.uri
    if not uri.is_camera and not uri.is_stream:
        return _check_other(uri)
    if is_running(context.machine.service):
        return _check_in_use(uri.name, read_state(context.machine.root))
    try:
        child = run_probe(context, "camera", OPEN_S)
    except subprocess.TimeoutExpired:
        return fail(
            f"{uri.name}: its driver does not answer within {OPEN_S:.0f} s",
            "unplug it and plug it in again, or reboot",
        )
    if child.returncode < 0:
        return fail(
            f"{uri.name}: the camera's library crashes (signal {-child.returncode})",
            "sudo apt full-upgrade, then reboot",
        )
    return camera_finding(last_json(child.stdout), context.config.source.fps)


def camera_finding(seen: Mapping[str, Any], fps: float) -> Finding:
    """The finding on what the probe saw. fps: the configured frame rate."""
    if "error" in seen:
        return fail(seen["error"], seen["cure"] or AGAIN)
    if "delicate" in seen:
        return ok(f"{seen['name']} is there ({seen['delicate']}); not opened: {REBOOT}")
    if not seen["frames"]:
        return fail(
            f"{seen['name']}: opened, but no picture came: {seen['problem'] or 'it gives no reason'}",
            "look at its cable; try another port",
        )
    return _picture_finding(seen, _describe(seen, fps))


def _describe(seen: Mapping[str, Any], fps: float) -> str:
    red, green, blue = seen["mean"]
    size = f"{seen['width']}x{seen['height']} {seen['format']}".rstrip()
    view = f", detector's view {seen['preview'][0]}x{seen['preview'][1]}" if seen["preview"] else ""
    colour = f"mean colour (R G B) {red:.0f} {green:.0f} {blue:.0f}"
    return f"{seen['name']}: {size}{view}, {seen['fps']:.1f} of {fps:g} fps, {colour}"


def _picture_finding(seen: Mapping[str, Any], detail: str) -> Finding:
    red, green, blue = seen["mean"]
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
            "hold something red in front of it, and look at a picture of `--snapshots`",
        )
    return ok(detail)


def _check_in_use(name: str, seen: ServiceState | None) -> Finding:
    """The finding while the running service has the camera: from its state file, the camera is not opened."""
    if seen is None:
        return ok(f"{name} is the running service's, which has not seen a frame yet")
    if not seen.good_frames:
        return fail(
            f"the running service gets no good frames: {seen.line()}",
            "put that right; or `sudo systemctl stop mask-edge`, then `python -m edge doctor` again",
        )
    look = "to check its picture: `sudo systemctl stop mask-edge`, then `python -m edge doctor` again"
    return ok(f"{name} is the running service's ({seen.line()}); {look}")


def _check_other(uri: Address) -> Finding:
    if uri.kind is Kind.DEMO:
        return ok("demo: the built-in scene, no camera")
    if Path(uri.reveal()).exists():
        return ok(f"{uri}: no camera")
    return fail(f"{uri}: no such file", "correct [source] uri")
