"""Runs one command: every error becomes one line for the person and an exit code for the machine.

`python -m edge`, `python -m training.*` and `python -m convert.*` all end here. It imports nothing heavy.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable

from edge.errors import MaskEdgeError, one_line

FAILED = 1
"""Exit code of an error that has no code of its own."""

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of SIGINT, as shells have it."""

MACHINE_AT_FAULT = {
    errno.ENOSPC: "make room, or write somewhere else",
    errno.EDQUOT: "make room, or write somewhere else",
    errno.EROFS: "this file system can only be read; its disk may be broken: `sudo dmesg | tail`",
    errno.EIO: "the disk or device answers with an error: `sudo dmesg | tail`",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
}
"""Errors of the operating system that say enough, and what to do about each."""

STDOUT = 1
"""File descriptor of stdout."""


def run_to_exit_code(command: Callable[[], int], show: Callable[[str], object], debug: bool = False) -> int:
    """Run a command and return the exit code for the process.

    command: returns its own exit code, and may raise anything.
    show: called with one line about an error, for the person.
    debug: raise an error again instead of showing one line, so that its traceback is seen.
    """
    show_every_character()
    try:
        code = command()
        if sys.stdout is not None:  # it was closed before the program began (`>&-`)
            sys.stdout.flush()  # a closed pipe or a full disk must show here, where it is handled
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
        if isinstance(error, OSError) and not isinstance(error, MaskEdgeError):  # perhaps of stdout itself
            silence_stdout()
        return error.exit_code if isinstance(error, MaskEdgeError) else FAILED


def show_every_character() -> None:
    """What the terminal's character set lacks is printed escaped; it must not end a command half way."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def describe(error: Exception) -> str:
    """One line: what went wrong and what to do next. An error that nobody expected should be reported."""
    if isinstance(error, MaskEdgeError):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "the memory is used up; close other programs, or give it smaller pictures"
    if isinstance(error, OSError) and error.errno in MACHINE_AT_FAULT:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; {MACHINE_AT_FAULT[error.errno]}"
    return f"{one_line(error)}: not foreseen; run it again with --debug, and report what it prints"


def silence_stdout() -> None:
    """Discard what is still to be written to stdout: else the interpreter prints an error when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
