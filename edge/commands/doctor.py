"""`python -m edge doctor`: check the machine and what is installed."""

from __future__ import annotations

import argparse
import os

from edge.commands.options import Commands
from edge.host.installation import is_service_config, work_where_the_service_does


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Check this machine and what is installed; say what is wrong and what to type next."
    command = commands.add("doctor", handle, text)
    command.add_argument(
        "--quick",
        action="store_true",
        help="only the checks that need no time and no rights: no camera, no devices, no service",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")


def handle(arguments: argparse.Namespace) -> int:
    """Run every check and print the report."""
    from edge.doctor.report import all_checks, make_context, run_doctor

    context = make_context(arguments.config, os.environ)
    if is_service_config(context.config_path):
        work_where_the_service_does()
    return run_doctor(
        context, arguments.quick, arguments.json, lambda line: print(line, flush=True), all_checks()
    )
