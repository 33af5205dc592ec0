"""What every workstation command shares: `--debug`, one-line errors, exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.errors import MaskEdgeError


def run(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], int], argv: Sequence[str] | None = None) -> None:
    """Parse, run and exit: 0 fine, 1 failed, 2 usage, 130 interrupted. A MaskEdgeError is one line on stderr, unless `--debug`."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args(argv)
    try:
        sys.exit(main(arguments))
    except MaskEdgeError as error:
        if arguments.debug:
            raise
        print(f"{parser.prog}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        sys.exit(130)
