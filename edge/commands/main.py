"""The command line: `python -m edge COMMAND`. Results go to stdout, messages to stderr."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from edge.commands.parser import build_parser
from edge.commands.runner import run_to_exit_code
from edge.host.logs import flush_log, report_error
from edge.host.stuck import any_stuck
from edge.redact import redacted_text


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 failed, 2 usage, 78 bad configuration."""
    arguments = build_parser().parse_args(argv)
    sys.excepthook = _show_traceback
    if os.environ.get("PYTHONFAULTHANDLER") and not faulthandler.is_enabled():
        faulthandler.enable()  # `python -I` does not read the variable
    code = run_to_exit_code(lambda: arguments.handler(arguments), report_error, arguments.debug)
    if not flush_log() or any_stuck():
        os._exit(code)  # an orderly exit would hang: in a log that nobody reads, or closing the camera
    return code


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """With --debug: as Python does it, but no address shows its password."""
    report = "".join(traceback.format_exception(kind, error, trace))
    print(redacted_text(report), end="", file=sys.stderr, flush=True)
