"""What the commands of training and convert share: `--debug`, one-line errors and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.commands.runner import run_to_exit_code


def run_command(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
) -> None:
    """Parse the arguments, run the command and exit.

    Exit codes: 0 fine, 1 failed, 2 wrong usage, 130 interrupted. An error is one line on stderr; with
    `--debug` it is raised again.
    """
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args(argv)

    def report(text: str) -> None:
        print(f"{parser.prog}: {text}", file=sys.stderr)

    sys.exit(run_to_exit_code(lambda: main(arguments), report, arguments.debug))
