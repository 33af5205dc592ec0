"""The system service: does it run, has it failed, and how many times was it started again?"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from edge.doctor.check import Context
from edge.host.findings import Finding, fail, ok, warn
from edge.host.machine import Run
from edge.host.service_state import read_state

UNIT = "mask-edge.service"
PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NRestarts",
    "Result",
    "ExecMainStatus",
    "User",
    "StatusText",
)
LOG = "`journalctl -u mask-edge -n 30`"
WARNINGS = "`journalctl -u mask-edge -p warning`"


def read_service(run: Run) -> Mapping[str, str]:
    """The unit's properties from `systemctl show`; empty where there is no systemd or it does not answer."""
    try:
        answer = run(["systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}"], 4.0)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def is_running(service: Mapping[str, str]) -> bool:
    """Whether it has the camera, or will open it soon."""
    return service.get("ActiveState") in ("active", "activating", "reloading")


def check_service(context: Context) -> Finding:
    """What systemd tells of the service, and what it tells of itself."""
    service = context.machine.service
    if service.get("LoadState") != "loaded":
        return ok("not installed; `sudo ./setup.sh` installs it on a Raspberry Pi")
    if service.get("ActiveState") == "failed" or service.get("SubState") == "auto-restart":
        return _not_up(service)
    if not is_running(service):
        return warn(f"installed, but {service.get('ActiveState')}", "sudo systemctl enable --now mask-edge")
    return _running(context)


def _not_up(service: Mapping[str, str]) -> Finding:
    ended = f"{service.get('Result')}, exit status {service.get('ExecMainStatus')}"
    if service.get("ActiveState") == "failed":
        badly_configured = service.get("ExecMainStatus") in ("2", "78")
        cure = "`python -m edge config check` with its --config" if badly_configured else LOG
        return fail(f"has failed ({ended})", f"{cure} says why; then `sudo systemctl restart mask-edge`")
    times = _times(_restarts(service))
    return fail(f"ends and is started again and again ({times}; {ended})", f"{LOG} says why")


def _running(context: Context) -> Finding:
    service, seen = context.machine.service, read_state(context.machine.root)
    text = service.get("StatusText") or service.get("ActiveState", "")
    if seen is not None and seen.degraded:
        return warn(seen.line(), "`python -m edge doctor` says more on each part")
    if _restarts(service):
        restarts = f"{text}; started again {_times(_restarts(service))}"
        return warn(restarts, f"{WARNINGS} says why")
    if service.get("UnitFileState") == "disabled":
        return warn(f"{text}; but it will not start at the next boot", "sudo systemctl enable mask-edge")
    return ok(text)


def _restarts(service: Mapping[str, str]) -> int:
    return int(service.get("NRestarts") or 0)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
