"""Lines into a file, a pipe or stdout: none is lost in silence, and none holds up the door."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import stat
import sys
import threading
from pathlib import Path
from typing import Protocol

from edge.errors import SinkError

log = logging.getLogger(__name__)

STDOUT = 1

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
CLOSE_S = 5.0
"""Seconds in which a queue may still write what is in it when it is closed."""


class Lines(Protocol):
    """Takes lines, in order."""

    @property
    def lost(self) -> int:
        """Lines that could not be written."""

    def write(self, line: bytes) -> None:
        """Write one line, with its line break. Raises BrokenPipeError where the reader of stdout has left."""

    def close(self) -> None:
        """Give everything back; may be called twice."""


def is_worth_a_word(count: int) -> bool:
    """For the 1st, 2nd, 4th, 8th ... of something: the log must not fill what the disk has left."""
    return count & (count - 1) == 0


class LineFile:
    """Appends to a file or a named pipe (FIFO), or writes to stdout for `-`.

    A line that cannot be written (a full disk, a pipe that nobody empties) is lost: `lost` counts, the log
    says so. A file that was renamed or removed (log rotation) is made anew. Raises SinkError where it cannot
    be opened.
    """

    def __init__(self, path: str) -> None:
        self.lost = 0
        self._path = path
        self._broken_line = False
        self._descriptor = _open(path)
        self._follows = path != "-" and stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, line: bytes) -> None:
        try:
            if self._follows:
                self._follow()
            self._write_whole(b"\n" + line if self._broken_line else line)
        except BrokenPipeError:
            if self._path == "-":
                raise  # nobody reads stdout any more: there is nothing to go on for
            self._lose("nobody reads it")
        except OSError as error:
            self._lose(error.strerror or str(error))

    def close(self) -> None:
        if self._descriptor < 0:
            return
        if self._descriptor > 2:
            os.close(self._descriptor)
        self._descriptor = -1
        if self.lost:
            log.error("%s: %d lines were lost", self._path, self.lost)

    def _write_whole(self, data: bytes) -> None:
        """A write may take a part: a disk that is almost full, a signal."""
        done, size = 0, os.fstat(self._descriptor).st_size
        while done < len(data):
            try:
                done += os.write(self._descriptor, data[done:])
            except OSError:
                if done and not self._take_back(size, size + done):
                    self._broken_line = True
                raise
        self._broken_line = False

    def _take_back(self, size: int, grown: int) -> bool:
        """Cut half a line off again: it is no JSON. Whether that was possible.

        size, grown: of the file in bytes, without and with it. Not done where another program appended, too.
        """
        if not self._follows or os.fstat(self._descriptor).st_size != grown:
            return False
        os.ftruncate(self._descriptor, size)
        return True

    def _follow(self) -> None:
        """Make the file anew where the path is not the open file's any more."""
        try:
            there, ours = Path(self._path).stat(), os.fstat(self._descriptor)
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return
        except FileNotFoundError:
            pass
        fresh = os.open(self._path, NEW_FILE, 0o640)  # before the old one goes: it may fail
        os.close(self._descriptor)
        self._descriptor, self._broken_line = fresh, False
        log.info("%s: was renamed or removed; a new file is begun", self._path)

    def _lose(self, cause: str) -> None:
        self.lost += 1
        if is_worth_a_word(self.lost):
            log.error("%s: %s; %d lines lost so far, the loop goes on", self._path, cause, self.lost)


class LineQueue:
    """Writes lines by a thread of its own: a reader that stops must not hold up the door.

    The queue is bounded; a line that does not fit is lost.
    """

    def __init__(self, lines: LineFile, name: str, size: int = 1000) -> None:
        self._lines, self._name, self._dropped = lines, name, 0
        self._queue: queue.Queue[bytes | None] = queue.Queue(size)
        self._broken: BrokenPipeError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"lines {name}", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        return self._lines.lost + self._dropped

    def write(self, line: bytes) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._dropped += 1
            if is_worth_a_word(self._dropped):
                log.error("%s: nobody reads it; %d lines lost so far", self._name, self._dropped)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
        self._thread.join(timeout=CLOSE_S)
        if self._thread.is_alive():
            self._dropped += self._queue.qsize()
        else:
            self._lines.close()
        if self._dropped:
            log.error("%s: nobody read it in time; %d lines were lost", self._name, self._dropped)

    def _work(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                self._lines.write(line)
            except BrokenPipeError as error:
                self._broken = error
                return


def _open(path: str) -> int:
    if path == "-":
        if sys.stdout is not None:
            sys.stdout.flush()
        return STDOUT
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, NEW_FILE | os.O_NONBLOCK, 0o640)
    except ValueError as error:  # a NUL in the path
        raise SinkError(
            f"{path!r}: cannot be written ({error})", "choose another path for --jsonl"
        ) from error
    except OSError as error:
        nobody = error.errno == errno.ENXIO
        cure = "start its reader first" if nobody else "choose another path for --jsonl"
        why = "nobody reads this pipe" if nobody else error.strerror
        raise SinkError(f"{path}: cannot be written ({why})", cure) from error
    os.set_blocking(descriptor, True)  # only the opening of a pipe without a reader must not wait
    return descriptor
