"""What the commands of training and convert share: `--debug`, one-line errors and exit codes."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from edge.commands.runner import INTERRUPTED, run_to_exit_code


def run_command(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
    kept: Callable[[argparse.Namespace], str] | None = None,
) -> None:
    """Parse the arguments, run the command and exit.

    Exit codes: 0 fine, 1 failed, 2 wrong usage, 130 interrupted. An error is one line on stderr; with
    `--debug` it is raised again.

    argv: None takes the process's own arguments, and Ctrl-C then ends the process at once: TensorFlow can
    wait for ever when Python ends in order in the middle of an epoch. kept: words for what an interrupted
    command leaves, and what to do next.
    """
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args(argv)

    def report(text: str) -> None:
        print(f"{parser.prog}: {text}", file=sys.stderr)

    def attempt() -> int:
        try:
            return main(arguments)
        except KeyboardInterrupt:
            rest = kept(arguments) if kept else ""
            report(f"interrupted; {rest}" if rest else "interrupted")
            if argv is None:
                end_process(INTERRUPTED)
            return INTERRUPTED

    sys.exit(run_to_exit_code(attempt, report, arguments.debug))


def end_process(code: int) -> NoReturn:
    """End the process at once, after what it said was written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
