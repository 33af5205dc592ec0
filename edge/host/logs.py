"""Logging to stderr: for a person, for journald, or as JSON.

A fault that comes again and again is written once, and then counted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from edge.errors import one_line

log = logging.getLogger(__name__)

JOURNAL_PRIORITIES = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
"""syslog(3) levels, as sd-daemon(3) reads them from `<N>` at a line's start."""

REPEATS_S = 600.0
"""Seconds after a line in which the same line is not written again, only counted."""

NEVER_HELD_BACK = {"never_held_back": True}
"""For `extra=`: this line is written however often it comes.

What happens at the door may well be the same again, and a decision that is left out would mislead.
"""


class _TextFormatter(logging.Formatter):
    """For the terminal: with the time of day."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class _JournalFormatter(logging.Formatter):
    """Puts the priority before every line of another formatter's text: to journald each line is an entry."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{JOURNAL_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in self._inner.format(record).splitlines())


@dataclass(slots=True)
class _Repeated:
    record: logging.LogRecord
    since: float
    count: int = 0


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes lines; the same fault only once, and after `REPEATS_S`, or at the end, how many more there were.

    Two lines are the same if logger, level and the whole text are. Lines with `NEVER_HELD_BACK` and lines for
    debugging are all written. clock: monotonic seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._said: dict[tuple[str, int, str], _Repeated] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        self._count_up(
            [key for key, repeated in self._said.items() if now - repeated.since >= REPEATS_S], now
        )
        if record.levelno < logging.INFO or getattr(record, "never_held_back", False):
            super().emit(record)
            return
        repeated = self._said.setdefault(
            (record.name, record.levelno, record.getMessage()), _Repeated(record, now, -1)
        )
        repeated.count += 1
        if repeated.count == 0:
            super().emit(record)

    def close(self) -> None:
        """Write the counts that are still open; called at the interpreter's end."""
        if not self.stream.closed:
            self._count_up(list(self._said), self._clock())
        super().close()

    def _count_up(self, keys: list[tuple[str, int, str]], now: float) -> None:
        for key in keys:
            repeated = self._said.pop(key)
            if repeated.count:
                name, level, text = key
                more = f"{text} ... {repeated.count} more in the last {_duration(now - repeated.since)}"
                super().emit(
                    logging.LogRecord(
                        name, level, repeated.record.pathname, repeated.record.lineno, more, None, None
                    )
                )


def set_up_logging(level: str, style: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send all logging to stderr.

    level: debug, info, warning or error. style: `text` or `json`. journald adds the time itself: there, text
    has none, and each line gets a priority.
    """
    handler = LogHandler(sys.stderr)
    journal = writes_to_journal(sys.stderr, environment)
    plain: logging.Formatter = logging.Formatter("%(message)s") if journal else _TextFormatter()
    inner = _JsonFormatter() if style == "json" else plain
    handler.setFormatter(_JournalFormatter(inner) if journal else inner)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def writes_to_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stream goes to the journal: its device and inode are those in $JOURNAL_STREAM.

    See systemd.exec(5). The variable alone says little: every program that a service starts inherits it.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def report_error(text: str) -> None:
    """Say why a command ends: as a line of the log for machines, without time and level for a person."""
    ours = (handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler))
    handler = next(ours, None)
    if handler is None or isinstance(handler.formatter, _TextFormatter):
        prefix = "<3>" if handler is None and writes_to_journal(sys.stderr) else ""
        print(f"{prefix}mask-edge: {text}", file=sys.stderr)
    else:
        log.error("%s", text)


@contextmanager
def thread_errors_logged() -> Iterator[None]:
    """A thread that ends by an unforeseen error is one line of the log; with --debug, its traceback too."""
    before, threading.excepthook = threading.excepthook, _report_thread
    try:
        yield
    finally:
        threading.excepthook = before


def _report_thread(arguments: threading.ExceptHookArgs) -> None:
    error = arguments.exc_value
    if error is None or isinstance(error, SystemExit):
        return
    name = arguments.thread.name if arguments.thread else "unknown"
    log.error(
        "thread %s ended: %s",
        name,
        one_line(error),
        exc_info=error if log.isEnabledFor(logging.DEBUG) else None,
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
