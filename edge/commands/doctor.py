"""All checks in their order, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge import __version__
from edge.config.reading import Config, load_config
from edge.doctor import camera, devices, service, software, system, users
from edge.doctor.check import Check, Context, Result, Status, guarded
from edge.doctor.service import read_service
from edge.errors import ConfigError

CHECKS = (
    Check("os", system.check_os),
    Check("board", system.check_board),
    Check("python", system.check_python),
    Check("configuration", software.check_config),
    Check("models", software.check_models),
    Check("opencv", software.check_opencv),
    Check("runtime", software.check_runtime, deadline_s=software.PROBE_S + 5),
    Check("camera", camera.check_camera, quick=False, deadline_s=camera.OPEN_S + 5),
    Check("groups", users.check_groups, quick=False),
    Check("gpio", devices.check_gpio, quick=False),
    Check("screen", devices.check_screen, quick=False),
    Check("coral", devices.check_coral, quick=False, deadline_s=devices.CORAL_S + 5),
    Check("memory", system.check_memory),
    Check("disk", system.check_disk),
    Check("temperature", system.check_temperature),
    Check("power", system.check_power),
    Check("service", service.check_service, quick=False),
)

INSTALLED_CONFIG = Path("etc/mask-edge/config.toml")
"""Below the root: what the service reads, and so the doctor where no other is named."""


def make_context(config_path: Path | None, environment: Mapping[str, str], root: Path = Path("/")) -> Context:
    """A configuration that is wrong is a finding, not an end: the other checks go on with the defaults."""
    installed = root / INSTALLED_CONFIG
    path = config_path or (installed if installed.is_file() else None)
    try:
        return Context(load_config(path, environment), path, root=root)
    except ConfigError as error:
        return Context(Config(), path, str(error), root=root)


def run_doctor(
    context: Context, quick: bool, as_json: bool, say: Callable[[str], None], checks: Sequence[Check] = CHECKS
) -> int:
    """Run the checks, one line each as it is done, or one JSON object at the end. Returns the exit code."""
    results: dict[str, Result] = {}
    if not quick:
        context = replace(context, service=read_service(context.run))
    for check in checks:
        if quick and not check.quick:
            continue
        results[check.name] = guarded(check, context)
        if not as_json:
            say(as_text(check.name, results[check.name]))
    counts = {status: sum(result.status is status for result in results.values()) for status in Status}
    if as_json:
        entries = [
            {"name": name, "status": r.status, "detail": r.detail, "next": r.next}
            for name, r in results.items()
        ]
        say(json.dumps({"version": __version__, "quick": quick, "checks": entries}, ensure_ascii=False))
    else:
        say(f"{len(results)} checks: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    return 1 if counts[Status.FAIL] else 0


def as_text(name: str, result: Result) -> str:
    """One finding for a person; what to do stands in a line of its own."""
    line = f"{result.status:<5} {name:<14} {result.detail}"
    return f"{line}\n{'':<20} -> {result.next}" if result.next else line
