"""What a check is, and the guard that keeps one from hanging or crashing the others."""

from __future__ import annotations

import platform
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from edge.config.reading import Config
from edge.errors import MaskEdgeError, one_line
from edge.host.board import FILE_SYSTEM


class Status(StrEnum):
    """Only `FAIL` makes the command exit with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report. detail: what was found. next: what to type or do; empty if nothing."""

    status: Status
    detail: str
    next: str = ""


def ok(detail: str) -> Result:
    """Fine, or not needed here."""
    return Result(Status.OK, detail)


def warn(detail: str, next_step: str) -> Result:
    """It works, but not as well as it should."""
    return Result(Status.WARN, detail, next_step)


def fail(detail: str, next_step: str) -> Result:
    """The door cannot do its work."""
    return Result(Status.FAIL, detail, next_step)


def fail_for(text: str) -> Result:
    """From one of our error messages, which say what is wrong, and after the last semicolon what to do."""
    what, _, cure = text.rpartition("; ")
    return fail(what, cure) if what else fail(text, "put that right, then `python -m edge doctor` again")


class Run(Protocol):
    """Runs a command with a time limit, s; text: for its stdin. Raises OSError where there is no such command, subprocess.TimeoutExpired."""

    def __call__(
        self, words: Sequence[str], timeout: float, text: str = ""
    ) -> subprocess.CompletedProcess[str]: ...


def run_program(words: Sequence[str], timeout: float, text: str = "") -> subprocess.CompletedProcess[str]:
    """The real one."""
    return subprocess.run(
        list(words),
        capture_output=True,
        input=text,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Context:
    """What checks may look at. root: where the file system begins. config_error: why `config` is only the defaults.

    service: the properties of the system service, as `systemctl show` gives them; empty without one. has: is there such a program?
    """

    config: Config
    config_path: Path | None = None
    config_error: str = ""
    root: Path = FILE_SYSTEM
    machine: str = field(default_factory=platform.machine)
    service: Mapping[str, str] = field(default_factory=dict)
    run: Run = run_program
    has: Callable[[str], bool] = lambda program: shutil.which(program) is not None


@dataclass(frozen=True, slots=True)
class Check:
    """quick: also under `--quick`. deadline_s: after that it counts as hanging."""

    name: str
    look: Callable[[Context], Result]
    quick: bool = True
    deadline_s: float = 5.0


def guarded(check: Check, context: Context) -> Result:
    """The check's result; also where it raises, or hangs in a driver: a thread that does is left behind."""
    answer: queue.Queue[Result] = queue.Queue()

    def look() -> None:
        try:
            answer.put(check.look(context))
        except MaskEdgeError as error:
            answer.put(fail_for(str(error)))
        except Exception as error:
            answer.put(
                fail(
                    f"this check broke ({one_line(error)})",
                    "please report this line with the output of `python -m edge --version`",
                )
            )

    threading.Thread(target=look, name=f"check {check.name}", daemon=True).start()
    try:
        return answer.get(timeout=check.deadline_s)
    except queue.Empty:
        return fail(
            f"no answer within {check.deadline_s:.0f} s",
            "a driver or a disk hangs; `sudo dmesg | tail` may tell which; then reboot",
        )
