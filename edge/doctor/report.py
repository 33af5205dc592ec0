"""The doctor's report: all checks in their order, each with a line, and the sum."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import __version__
from edge.config.reading import Config, load_config
from edge.doctor import camera, coral, groups, service, software, system
from edge.doctor.check import Check, Context, guarded
from edge.doctor.service import read_service
from edge.errors import ConfigError
from edge.host.findings import Finding, Status
from edge.host.installation import CONFIG
from edge.host.machine import Machine
from edge.sinks import kinds
from edge.sinks.base import SinkKind

SYSTEM_CHECKS = (
    Check("os", system.check_os),
    Check("board", system.check_board),
    Check("python", system.check_python),
    Check("configuration", software.check_config),
    Check("models", software.check_models),
    Check("opencv", software.check_opencv),
    Check("runtime", software.check_runtime, deadline_s=software.PROBE_S + 5),
    Check("camera", camera.check_camera, quick=False, deadline_s=camera.OPEN_S + 5),
    Check("groups", groups.check_groups, quick=False),
)
"""The checks before those of the sinks."""

STATE_CHECKS = (
    Check("coral", coral.check_coral, quick=False, deadline_s=coral.CORAL_S + 5),
    Check("memory", system.check_memory),
    Check("disk", system.check_disk),
    Check("temperature", system.check_temperature),
    Check("power", system.check_power),
    Check("service", service.check_service, quick=False),
)
"""The checks after those of the sinks."""


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order of the report; each kind of sink that can be checked brings its own."""
    sinks = (_sink_check(kind) for kind in kinds.KINDS if kind.check is not None)
    return (*SYSTEM_CHECKS, *sinks, *STATE_CHECKS)


def _sink_check(kind: SinkKind[Any]) -> Check:
    def look(context: Context) -> Finding:
        assert kind.check is not None
        return kind.check(context.config.of(kind), context.machine)

    return Check(kind.name, look, quick=False)


def make_context(config_path: Path | None, environment: Mapping[str, str], root: Path = Path("/")) -> Context:
    """What the checks may look at.

    A configuration that is wrong is a finding, not the end: the other checks go on with the defaults.
    """
    installed = root / CONFIG
    path = config_path or (installed if installed.is_file() else None)
    machine = Machine(root=root)
    try:
        return Context(load_config(path, environment), path, machine=machine)
    except ConfigError as error:
        return Context(Config(), path, error, machine)


def run_doctor(
    context: Context,
    quick: bool,
    as_json: bool,
    say: Callable[[str], None],
    checks: Sequence[Check],
) -> int:
    """Run the checks and return the exit code: 1 where one fails.

    say: called with a line for each check as soon as it is done, or with one JSON object at the end.
    """
    if not quick:
        machine = replace(context.machine, service=read_service(context.machine.run))
        context = replace(context, machine=machine)
    findings: dict[str, Finding] = {}
    for check in checks:
        if quick and not check.quick:
            continue
        findings[check.name] = guarded(check, context)
        if not as_json:
            say(as_text(check.name, findings[check.name]))
    say(_as_json(findings, quick) if as_json else _sum(findings))
    return 1 if any(finding.status is Status.FAIL for finding in findings.values()) else 0


def _as_json(findings: Mapping[str, Finding], quick: bool) -> str:
    entries = [
        {"name": name, "status": finding.status, "detail": finding.detail, "next": finding.next}
        for name, finding in findings.items()
    ]
    return json.dumps({"version": __version__, "quick": quick, "checks": entries}, ensure_ascii=False)


def _sum(findings: Mapping[str, Finding]) -> str:
    counts = {status: sum(finding.status is status for finding in findings.values()) for status in Status}
    return f"{len(findings)} checks: " + ", ".join(f"{count} {status}" for status, count in counts.items())


def as_text(name: str, finding: Finding) -> str:
    """One finding for a person; what to do stands in a line of its own."""
    line = f"{finding.status:<5} {name:<14} {finding.detail}"
    return f"{line}\n{'':<20} -> {finding.next}" if finding.next else line
