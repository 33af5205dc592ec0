"""Logging to stderr: for a person, for journald, or as JSON.

A fault that comes again and again is written once, and then counted.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import QueueHandler
from typing import TextIO

from edge.errors import one_line
from edge.redact import redacted_text

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

FLUSH_S = 2.0
"""Seconds that the end of the program waits for what is still to be written."""

NEVER_HELD_BACK = {"never_held_back": True}
"""For `extra=`: this line is written however often it comes.

What happens at the door may well be the same again, and a decision that is left out would mislead.
"""


class _Formatter(logging.Formatter):
    """A line, or several with a traceback; no address in it shows its password."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted_text(super().format(record))


class _TextFormatter(_Formatter):
    """For the terminal: with the time of day."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")


class _JsonFormatter(logging.Formatter):
    """One object a line. Passwords are hidden first: what hides them knows nothing of JSON's quotes."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": redacted_text(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = redacted_text(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class _JournalFormatter(logging.Formatter):
    """Puts the priority before every line of another formatter's text: to journald each line is an entry."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{JOURNAL_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in self._inner.format(record).split("\n"))


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
        self.setFormatter(_Formatter())
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

    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written is gone. Where a reader has left (`| head`), the program ends."""
        if isinstance(sys.exc_info()[1], BrokenPipeError) and _is_pipe(self.stream):
            signal.raise_signal(signal.SIGTERM)

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


class LogQueue(QueueHandler):
    """Hands records to a thread that writes them: a log that nobody reads must not hold up the door.

    What does not fit into the queue is lost; the log says how many lines that were when it is read again.
    """

    def __init__(self, writer: LogHandler, size: int = 1000) -> None:
        self.records: queue.Queue[logging.LogRecord | threading.Event] = queue.Queue(size)
        super().__init__(self.records)
        self.writer, self.lost = writer, 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The text is made now: what it tells of may change before it is written."""
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.records.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def drain(self, timeout_s: float) -> bool:
        """Wait until all that was logged so far is written. False: it was not, within `timeout_s` seconds."""
        written = threading.Event()
        try:
            self.records.put(written, timeout=timeout_s)
        except queue.Full:
            return False
        return written.wait(timeout_s)

    def close(self) -> None:
        if self.drain(FLUSH_S):
            self.writer.close()
        super().close()

    def _write(self) -> None:
        while True:
            item = self.records.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            lost, self.lost = self.lost, 0
            if lost:
                self.writer.handle(
                    _record(logging.WARNING, f"{lost} lines of the log were lost: nobody read it")
                )
            self.writer.handle(item)


def _record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord(__name__, level, __file__, 0, text, None, None)


def flush_log(timeout_s: float | None = None) -> bool:
    """Wait until the log is written, FLUSH_S seconds at most. False: nobody reads it."""
    queues = [handler for handler in logging.getLogger().handlers if isinstance(handler, LogQueue)]
    return all(handler.drain(FLUSH_S if timeout_s is None else timeout_s) for handler in queues)


def set_up_logging(level: str, style: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send all logging to stderr.

    level: debug, info, warning or error. style: `text` or `json`. journald adds the time itself: there, text
    has none, and each line gets a priority.
    """
    handler = LogHandler(sys.stderr)
    journal = writes_to_journal(sys.stderr, environment)
    plain: logging.Formatter = _Formatter("%(message)s") if journal else _TextFormatter()
    inner = _JsonFormatter() if style == "json" else plain
    handler.setFormatter(_JournalFormatter(inner) if journal else inner)
    logging.basicConfig(level=level.upper(), handlers=[LogQueue(handler)], force=True)


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
    text = redacted_text(text)
    queues = (handler for handler in logging.getLogger().handlers if isinstance(handler, LogQueue))
    ours = next(queues, None)
    if ours is None:
        _print_error(("<3>" if writes_to_journal(sys.stderr) else "") + f"mask-edge: {text}")
    elif not isinstance(ours.writer.formatter, _TextFormatter):
        log.error("%s", text)
    elif ours.drain(FLUSH_S):  # else nobody reads stderr, and the program would wait for ever
        _print_error(f"mask-edge: {text}")


def _print_error(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):  # stderr is closed, or was from the start
        pass


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


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return False


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
