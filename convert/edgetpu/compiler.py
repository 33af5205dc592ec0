"""Finds and runs Google's `edgetpu_compiler`, and tells whether a run went well."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from convert.edgetpu.log import CompileError, find_failure, find_version
from edge.errors import MissingLibraryError

COMPILER = "edgetpu_compiler"
"""Name of the program."""


def find_compiler() -> str:
    """The compiler's path. Raises MissingLibraryError, which says how to get it."""
    path = shutil.which(COMPILER)
    if path is not None:
        return path
    machine = platform.machine()
    here = "" if machine in ("x86_64", "AMD64") else f" (this machine is {machine})"
    raise MissingLibraryError(
        f"{COMPILER} is not on PATH: it is Google's, for x86-64 Linux only{here}",
        "https://coral.ai/docs/edgetpu/compiler/ tells how to install the package edgetpu-compiler; "
        "`python -m convert.inspect MODEL` says what to expect without it",
    )


def run_compiler(compiler: str, models: Sequence[Path], folder: Path, timeout_s: float) -> tuple[int, str]:
    """Compile into a folder. Returns the compiler's exit code and all that it printed.

    Several models in one call share the on-chip memory. Raises CompileError if the compiler cannot be started
    or does not end. Then its whole process group is killed, because the compiler is a shell script around a
    program around a child.
    """
    command = [compiler, "-s", "-o", str(folder), *map(str, models)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CompileError(
            "not_started",
            f"{compiler} cannot be started ({error.strerror})",
            f"it is for x86-64 Linux, this machine is {platform.machine()}",
        ) from error
    try:
        log, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill(process)
        names = ", ".join(model.name for model in models)
        raise CompileError(
            "timeout",
            f"{names}: the compiler did not end within {timeout_s:g} s",
            "a smaller input often helps; --timeout gives it more time",
        ) from None
    except BaseException:  # Ctrl-C does not reach a session of its own
        _kill(process)
        raise
    return process.returncode, log


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process and all processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def check_log(code: int, log: str, models: Sequence[Path]) -> str:
    """The compiler's version, from a log of a run that went well.

    code: its exit code. Raises CompileError, which says what failed and what to do.
    """
    names = ", ".join(model.name for model in models)
    failure = find_failure(log)
    if failure:
        raise CompileError(failure.kind, f"{names}: {failure.what}", failure.cure)
    if code < 0:
        raise CompileError(
            "crash",
            f"{names}: the compiler was killed by {signal.Signals(-code).name}",
            "try a smaller input, or a part of the model",
        )
    if code:
        last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "it said nothing")
        raise CompileError("failed", f"{names}: the compiler ended with exit code {code}: {last}")
    version = find_version(log)
    if version is None:
        raise CompileError(
            "no_version",
            f"{names}: the log names no version",
            f"is the {COMPILER} on PATH Google's? `{COMPILER} --version` shows it",
        )
    return version
