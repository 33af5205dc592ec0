"""Logging to stderr: for a person, for journald, or as JSON. A fault that comes again and again is said once, and then counted."""

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
"""Seconds during which the same fault is only counted after it was said."""

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
    """Puts the priority before every line of another formatter's text: journald stamps, sorts and cuts by lines."""

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
    """Writes lines; of the same fault only the first, and after `REPEATS_S`, or at the end, how many more there were.

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
        """Say what is still to be counted; called at the interpreter's end."""
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
    """Send all logging to stderr. style: `text` or `json`. Under journald, which stamps lines itself, text has no time, and each line a priority."""
    handler = LogHandler(sys.stderr)
    journal = writes_to_journal(sys.stderr, environment)
    plain: logging.Formatter = logging.Formatter("%(message)s") if journal else _TextFormatter()
    inner = _JsonFormatter() if style == "json" else plain
    handler.setFormatter(_JournalFormatter(inner) if journal else inner)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def writes_to_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """systemd.exec(5): everything below the service inherits $JOURNAL_STREAM; only where device and inode are the stream's, it is the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # closed, or no file at all
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def report_error(text: str) -> None:
    """A command's last words: in the log's own form for machines, in short for a person."""
    handler = next(
        (handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler)), None
    )
    if handler is None or isinstance(handler.formatter, _TextFormatter):
        prefix = "<3>" if handler is None and writes_to_journal(sys.stderr) else ""
        print(f"{prefix}mask-edge: {text}", file=sys.stderr)
    else:
        log.error("%s", text)


@contextmanager
def thread_errors_logged() -> Iterator[None]:
    """A thread that ends unforeseen says so in one line of the log, as everything else does; its traceback with --debug."""
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
