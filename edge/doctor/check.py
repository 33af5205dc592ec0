"""What a check is, and how one that hangs or raises leaves the others alone."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.config.reading import Config
from edge.errors import ConfigError, MaskEdgeError, one_line
from edge.host.findings import Finding, fail, fail_for
from edge.host.machine import Machine


@dataclass(frozen=True, slots=True)
class Context:
    """What checks may look at."""

    config: Config
    """The configuration in force, or the defaults where that is wrong."""
    config_path: Path | None = None
    config_error: ConfigError | None = None
    """What is wrong with the configuration; None where nothing is."""
    machine: Machine = field(default_factory=Machine)


@dataclass(frozen=True, slots=True)
class Check:
    """One check, which makes one line of the report."""

    name: str
    look: Callable[[Context], Finding]
    """Raises MaskEdgeError, which becomes a failure."""
    quick: bool = True
    """Whether it runs also with `--quick`."""
    deadline_s: float = 5.0
    """Seconds after which the check counts as hanging."""


def guarded(check: Check, context: Context) -> Finding:
    """The check's finding. One that raises, or does not return in time, is a failure.

    The thread of one that does not return is left alone.
    """
    answer: queue.Queue[Finding] = queue.Queue()
    threading.Thread(
        target=lambda: answer.put(_look(check, context)), name=f"check {check.name}", daemon=True
    ).start()
    try:
        return answer.get(timeout=check.deadline_s)
    except queue.Empty:
        return fail(
            f"no answer within {check.deadline_s:.0f} s",
            "a driver or a disk hangs: `sudo dmesg | tail` may tell which; then reboot",
        )


def _look(check: Check, context: Context) -> Finding:
    try:
        return check.look(context)
    except MaskEdgeError as error:
        return fail_for(error)
    except Exception as error:
        return fail(
            f"this check broke ({one_line(error)})",
            "please report this line with the output of `python -m edge --version`",
        )
