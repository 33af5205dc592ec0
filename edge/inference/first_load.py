"""The first load of a model file, in a child process: a damaged file may crash the runtime whatever we check.

What loaded well once is remembered by its SHA-256 and the runtime's version, and not tried again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from edge.host.children import module_command
from edge.inference.card import ModelCard
from edge.inference.runtime import import_runtime, runtime_version
from edge.regular import read_regular
from edge.writing import write_whole

log = logging.getLogger(__name__)

SHIPPED = frozenset(
    (
        "f6b291d1f46044c0faf7d43f2407728e9e9a1fa2bf5ea1bf00a591d0e09be327",
        "40e67b70ff076852485a71998be05468e4485d8bc00e0162bd9094d7a7cc1b6f",
        "7a7380f86b72e4605a7ad2998f69e7e6ee4ebe52a197bbe5406da4b46cca7494",
    )
)
"""SHA-256 of the models that come with this version: they were tried when it was made."""

LIMIT_S = 60.0
"""Seconds for one load and inference: the first import on a busy Pi takes long."""

FILE = "models-that-load"
MOST_LINES, MOST_BYTES = 50, 2**16


def try_first(card: ModelCard, environment: Mapping[str, str] = os.environ) -> None:
    """Load and run a model once in a child process, unless this file is known to load.

    Raises ModelError where the runtime crashes or hangs on it. What it raises is left to the caller's own
    load to say.
    """
    known = f"{card.sha256} {runtime_version()}"
    record = _record(environment)
    if card.sha256 in SHIPPED or known in _read(record):
        return
    try:
        child = subprocess.run(
            module_command(sys.modules[__name__], str(card.path)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            start_new_session=True,  # Ctrl-C is for us alone
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{card.path}: no inference within {LIMIT_S:.0f} s", "copy it again with its card"
        ) from None
    except OSError as error:  # no memory or processes: the load itself may still succeed
        log.debug("%s: not tried first (%s)", card.path, error)
        return
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise ModelError(
            f"{card.path}: the TFLite runtime crashes on it ({name})", "copy it again with its card"
        )
    if child.returncode == 0:
        _remember(record, known)


def main(words: Sequence[str]) -> None:
    """In the child: load the model, fill its inputs with zeros, run it, and read all outputs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    interpreter = import_runtime().module.Interpreter(model_path=words[0])
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


def _record(environment: Mapping[str, str]) -> Path | None:
    """Where the models that load are remembered: in the service's folder, else in the user's cache."""
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if state.startswith("/"):
        return Path(state) / FILE
    cache = environment.get("XDG_CACHE_HOME", "")
    if not cache.startswith("/"):
        home = environment.get("HOME", "")
        cache = f"{home}/.cache" if home.startswith("/") else ""
    return Path(cache) / "mask-edge" / FILE if cache else None


def _read(record: Path | None) -> list[str]:
    """The lines of the record; none where others might have written them."""
    try:
        if record is None or not (_ours(record.parent) and _ours(record)):
            return []
        return read_regular(record, MOST_BYTES).decode().splitlines()
    except (OSError, ValueError):
        return []


def _ours(path: Path) -> bool:
    """Whether only this user, or root, may change it."""
    status = path.lstat()
    others = stat.S_IWGRP | stat.S_IWOTH
    return (
        not stat.S_ISLNK(status.st_mode)
        and status.st_uid in (0, os.geteuid())
        and not status.st_mode & others
    )


def _remember(record: Path | None, known: str) -> None:
    if record is None:
        return
    lines = [*_read(record), known][-MOST_LINES:]
    with contextlib.suppress(OSError):  # a card that can only be read: it is tried again next time
        record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _ours(record.parent):
            write_whole(record, "\n".join(lines).encode())
            record.chmod(0o600)
