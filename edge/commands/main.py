"""The command line: `python -m edge COMMAND`. Results go to stdout, messages to stderr."""

from __future__ import annotations

import os
from collections.abc import Sequence

from edge.commands.parser import build_parser
from edge.commands.runner import run_to_exit_code
from edge.host.logs import flush_log, report_error
from edge.host.stuck import any_stuck


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 failed, 2 usage, 78 bad configuration."""
    arguments = build_parser().parse_args(argv)
    code = run_to_exit_code(lambda: arguments.handler(arguments), report_error, arguments.debug)
    if not flush_log() or any_stuck():
        os._exit(code)  # an orderly exit would hang: in a log that nobody reads, or closing the camera
    return code
