"""The system service: does it run, has it failed, and how often?"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from edge.doctor.check import Context, Result, Run, fail, ok, warn

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


def read_service(run: Run) -> Mapping[str, str]:
    """`systemctl show` of the unit; empty where there is no systemd or it does not answer."""
    try:
        answer = run(["systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}"], 4.0)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)


def is_running(service: Mapping[str, str]) -> bool:
    """It has the camera, or is about to."""
    return service.get("ActiveState") in ("active", "activating", "reloading")


def check_service(context: Context) -> Result:
    """What systemd says of it."""
    service = context.service
    if service.get("LoadState") != "loaded":
        return ok("not installed; `sudo ./setup.sh` does that on a Raspberry Pi")
    state, restarts = service.get("ActiveState"), int(service.get("NRestarts") or 0)
    ended = f"{service.get('Result')}, exit status {service.get('ExecMainStatus')}"
    if state == "failed":
        cure = (
            "`python -m edge config check` with its --config"
            if service.get("ExecMainStatus") in ("2", "78")
            else LOG
        )
        return fail(f"has failed ({ended})", f"{cure} says why; then `sudo systemctl restart mask-edge`")
    if service.get("SubState") == "auto-restart":
        return fail(f"ends and is started again and again ({_times(restarts)}; {ended})", f"{LOG} says why")
    if not is_running(service):
        return warn(f"installed, but {state}", "sudo systemctl enable --now mask-edge")
    text = service.get("StatusText") or f"{state}"
    if "DEGRADED" in text:
        return warn(text, "`python -m edge doctor` says more on each part")
    if restarts:
        return warn(
            f"{text}; started again {_times(restarts)}", f"{LOG.replace('-n 30', '-p warning')} says why"
        )
    if service.get("UnitFileState") == "disabled":
        return warn(f"{text}; but it will not start at the next boot", "sudo systemctl enable mask-edge")
    return ok(f"{text}")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
