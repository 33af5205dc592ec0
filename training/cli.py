"""What every workstation command shares: `--debug`, one-line errors, exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from edge.errors import MaskEdgeError


def run(
    parser: argparse.ArgumentParser,
    main: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
) -> None:
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


def input_size(text: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT` of a detector's input as (width, height) px: multiples of 32, its coarsest stride."""
    width, _, height = text.partition("x")
    if (
        not (width.isdigit() and height.isdigit())
        or int(width) % 32
        or int(height) % 32
        or not int(width) * int(height)
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT in multiples of 32, such as 384x288")
    return int(width), int(height)


def named_number(text: str) -> tuple[str, int]:
    """`NAME=NUMBER` as (name, number)."""
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER")
    return name, int(number)
