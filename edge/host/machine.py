"""The machine that checks look at: file system, programs, system service. A test can give them a whole Pi."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Run(Protocol):
    """Runs a command. timeout: seconds. text: goes to its stdin.

    Raises OSError where there is no such command, subprocess.TimeoutExpired.
    """

    def __call__(
        self, words: Sequence[str], timeout: float, text: str = ""
    ) -> subprocess.CompletedProcess[str]: ...


def run_program(words: Sequence[str], timeout: float, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a real command."""
    return subprocess.run(
        list(words),
        capture_output=True,
        input=text,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def has_program(program: str) -> bool:
    """Whether the command is on PATH."""
    return shutil.which(program) is not None


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine."""

    root: Path = Path("/")
    """Where the file system begins; another folder in tests."""
    architecture: str = field(default_factory=platform.machine)
    """The processor's, such as `aarch64`."""
    service: Mapping[str, str] = field(default_factory=dict)
    """The properties of the system service, as `systemctl show` gives them; empty without one."""
    run: Run = run_program
    has: Callable[[str], bool] = has_program
    """Whether a command is on PATH."""
