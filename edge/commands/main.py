"""The command line: `python -m edge COMMAND`. Results go to stdout, messages to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from edge.commands.parser import build_parser
from edge.commands.runner import run_to_exit_code
from edge.host.logs import report_error
from edge.host.stuck import any_stuck


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 failed, 2 usage, 78 bad configuration."""
    arguments = build_parser().parse_args(argv)
    code = run_to_exit_code(lambda: arguments.handler(arguments), report_error, arguments.debug)
    if any_stuck():
        sys.stderr.flush()
        os._exit(code)  # an orderly exit would wait for the camera's driver, which hangs
    return code
