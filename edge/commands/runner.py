"""Runs one command: every error becomes one line for the person and an exit code for the machine.

`python -m edge`, `python -m training.*` and `python -m convert.*` all end here. It imports nothing heavy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from edge.errors import MaskEdgeError, one_line

FAILED = 1
"""Exit code of an error that has no code of its own."""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of SIGINT, as shells have it."""

STDOUT = 1
"""File descriptor of stdout."""


def run_to_exit_code(command: Callable[[], int], show: Callable[[str], object], debug: bool = False) -> int:
    """Run a command and return the exit code for the process.

    command: returns its own exit code, and may raise anything.
    show: called with one line about an error, for the person.
    debug: raise an error again instead of showing one line, so that its traceback is seen.
    """
    try:
        code = command()
        sys.stdout.flush()  # a closed pipe must raise here, where it is handled
        return code
    except BrokenPipeError:
        silence_stdout()
        return FAILED
    except KeyboardInterrupt:
        show("interrupted")
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        show(describe(error))
        return error.exit_code if isinstance(error, MaskEdgeError) else FAILED


def describe(error: Exception) -> str:
    """One line: what went wrong and what to do next. An error that nobody expected should be reported."""
    if isinstance(error, MaskEdgeError):
        return one_line(error)
    return f"{one_line(error)}: not foreseen; run it again with --debug, and report what it prints"


def silence_stdout() -> None:
    """Discard what is still to be written to stdout: else the interpreter prints an error when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
