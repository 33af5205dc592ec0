"""What a check is, and the guard that keeps one from hanging or crashing the others."""

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
    config_path: Path | None = None
    config_error: ConfigError | None = None
    """Why `config` holds only the defaults."""
    machine: Machine = field(default_factory=Machine)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    look: Callable[[Context], Finding]
    quick: bool = True
    """Also under `--quick`."""
    deadline_s: float = 5.0
    """Seconds after which it counts as hanging."""


def guarded(check: Check, context: Context) -> Finding:
    """The check's finding; also where it raises, or hangs in a driver: a thread that does is left behind."""
    answer: queue.Queue[Finding] = queue.Queue()
    threading.Thread(
        target=lambda: answer.put(_look(check, context)), name=f"check {check.name}", daemon=True
    ).start()
    try:
        return answer.get(timeout=check.deadline_s)
    except queue.Empty:
        return fail(
            f"no answer within {check.deadline_s:.0f} s",
            "a driver or a disk hangs; `sudo dmesg | tail` may tell which; then reboot",
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
