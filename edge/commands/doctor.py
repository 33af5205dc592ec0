"""`python -m edge doctor`: all checks in their order, and the report."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge import __version__
from edge.commands.options import Commands
from edge.config.reading import Config, load_config
from edge.doctor import camera, coral, groups, service, software, system
from edge.doctor.check import Check, Context, guarded
from edge.doctor.service import read_service
from edge.errors import ConfigError
from edge.host.findings import Finding, Status
from edge.host.machine import Machine
from edge.sinks import kinds
from edge.sinks.base import SinkKind


def sink_checks() -> tuple[Check, ...]:
    """Each kind of sink that can be checked brings its own."""
    return tuple(_sink_check(kind) for kind in kinds.KINDS if kind.check is not None)


def _sink_check(kind: SinkKind[Any]) -> Check:
    def look(context: Context) -> Finding:
        assert kind.check is not None
        return kind.check(context.config.of(kind), context.machine)

    return Check(kind.name, look, quick=False)


CHECKS = (
    Check("os", system.check_os),
    Check("board", system.check_board),
    Check("python", system.check_python),
    Check("configuration", software.check_config),
    Check("models", software.check_models),
    Check("opencv", software.check_opencv),
    Check("runtime", software.check_runtime, deadline_s=software.PROBE_S + 5),
    Check("camera", camera.check_camera, quick=False, deadline_s=camera.OPEN_S + 5),
    Check("groups", groups.check_groups, quick=False),
    *sink_checks(),
    Check("coral", coral.check_coral, quick=False, deadline_s=coral.CORAL_S + 5),
    Check("memory", system.check_memory),
    Check("disk", system.check_disk),
    Check("temperature", system.check_temperature),
    Check("power", system.check_power),
    Check("service", service.check_service, quick=False),
)

INSTALLED_CONFIG = Path("etc/mask-edge/config.toml")
"""Below the root: what the service reads, and so the doctor where no other is named."""


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Check this machine and what is installed; say what is wrong and what to type next."
    command = commands.add("doctor", handle, text)
    command.add_argument(
        "--quick",
        action="store_true",
        help="only what takes no time and no rights: no camera, no devices, no service",
    )
    command.add_argument("--json", action="store_true", help="one JSON object")


def handle(arguments: argparse.Namespace) -> int:
    """Check everything, and say what to do."""
    context = make_context(arguments.config, os.environ)
    return run_doctor(context, arguments.quick, arguments.json, lambda line: print(line, flush=True))


def make_context(config_path: Path | None, environment: Mapping[str, str], root: Path = Path("/")) -> Context:
    """A configuration that is wrong is a finding, not an end: the other checks go on with the defaults."""
    installed = root / INSTALLED_CONFIG
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
    checks: Sequence[Check] = CHECKS,
) -> int:
    """Run the checks, one line each as it is done, or one JSON object at the end. Returns the exit code."""
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
