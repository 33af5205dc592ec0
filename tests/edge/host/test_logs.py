"""The log: its forms, what is held back, and what a thread leaves behind."""

import io
import json
import logging
import os
import threading
from contextlib import contextmanager, redirect_stderr

import pytest

from edge.host.logs import (
    NEVER_HELD_BACK,
    LogHandler,
    LogQueue,
    flush_log,
    report_error,
    set_up_logging,
    thread_errors_logged,
    writes_to_journal,
)


@pytest.fixture
def root_logger():
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def stderr_to(path):
    """A real file as stderr; gives the environment that systemd would set for it."""
    with path.open("w") as file, redirect_stderr(file):
        status = os.fstat(file.fileno())
        yield {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        flush_log()


# --- forms


def test_text_has_the_time_and_the_level(capsys, root_logger):
    set_up_logging("info", "text", {})
    logging.getLogger("x").warning("careful with %s", "this")
    flush_log()
    line = capsys.readouterr().err
    assert line.endswith(" WARNING careful with this\n")
    assert line[2] == line[5] == ":"


@pytest.mark.parametrize("style", ["text", "json"])
def test_every_line_to_the_journal_begins_with_its_priority(tmp_path, root_logger, style):
    path = tmp_path / "stderr"
    with stderr_to(path) as environment:
        set_up_logging("debug", style, environment)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.getLogger("x").debug("look", exc_info=True)
        logging.getLogger("x").error("broken")
    lines = path.read_text().splitlines()
    assert {line[:3] for line in lines[:-1]} == {"<7>"}
    assert lines[-1].startswith("<3>")
    if style == "text":
        assert lines[-1] == "<3>broken"
    else:
        first, last = (json.loads(line[3:]) for line in lines)
        assert last["level"] == "error"
        assert "ValueError: two\nlines" in first["traceback"]


def test_a_journal_that_is_not_stderr_is_none(tmp_path, root_logger):
    """A program that a service starts with its stderr in a file inherits the variable."""
    with stderr_to(tmp_path / "stderr"):
        set_up_logging("info", "text", {"JOURNAL_STREAM": "8:1"})
        logging.getLogger("x").error("broken")
    assert not (tmp_path / "stderr").read_text().startswith("<")


def test_a_stream_without_a_file_is_no_journal():
    assert not writes_to_journal(io.StringIO(), {"JOURNAL_STREAM": "8:1"})


def test_json_lines(capsys, root_logger):
    set_up_logging("info", "json", {})
    logging.getLogger("x").warning("caf\u00e9")
    flush_log()
    entry = json.loads(capsys.readouterr().err)
    assert (entry["level"], entry["message"]) == ("warning", "caf\u00e9")
    assert entry["time"].startswith("20")


@pytest.mark.parametrize(("style", "start"), [("text", "mask-edge: no camera"), ("json", '{"time": ')])
def test_last_words_have_the_form_of_the_log(capsys, root_logger, style, start):
    set_up_logging("info", style, {})
    report_error("no camera")
    flush_log()
    err = capsys.readouterr().err
    assert err.startswith(start)
    assert err.count("\n") == 1


def test_last_words_to_the_journal_are_an_error(tmp_path, root_logger):
    with stderr_to(tmp_path / "stderr") as environment:
        set_up_logging("info", "text", environment)
        report_error("no camera")
    assert (tmp_path / "stderr").read_text() == "<3>no camera\n"


# --- repeated faults


class Held:
    """A handler with a clock to set, and what it wrote."""

    def __init__(self):
        self.now, self.stream = 0.0, io.StringIO()
        self.handler = LogHandler(self.stream, lambda: self.now)

    def say(self, text, level=logging.ERROR, name="edge.sources.live", extra=None):
        logger = logging.Logger(name)
        logger.addHandler(self.handler)
        logger.log(level, "%s", text, extra=extra)

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()


@pytest.fixture
def held():
    return Held()


def test_a_fault_is_said_once_and_then_counted(held):
    for second in range(0, 600, 15):
        held.now = second
        held.say("usb:0: gone")
        held.say("usb:0: opened again", logging.INFO)
    assert held.lines == ["usb:0: gone", "usb:0: opened again"]
    held.now = 600
    held.say("something else")
    assert held.lines[2:] == [
        "usb:0: gone ... 39 more in the last 10 min",
        "usb:0: opened again ... 39 more in the last 10 min",
        "something else",
    ]


def test_after_its_time_a_fault_is_said_again(held):
    held.say("gone")
    held.now = 600
    held.say("gone")
    assert held.lines == ["gone", "gone"]


def test_other_faults_levels_and_loggers_are_not_held_back(held):
    held.say("gone")
    held.say("gone", logging.WARNING)
    held.say("gone", name="edge.loop")
    held.say("gone too")
    assert len(held.lines) == 4


@pytest.mark.parametrize("name", ["edge.sinks.log", "edge.sinks.events", "x"])
def test_what_is_marked_is_never_held_back_whatever_its_logger(held, name):
    for _ in range(3):
        held.say("DENY: a face without a mask", logging.INFO, name, NEVER_HELD_BACK)
        held.say("UNCERTAIN: usb:0: gone", logging.WARNING, name, NEVER_HELD_BACK)
        held.say("attempt", logging.DEBUG, name)
    assert len(held.lines) == 9
    for _ in range(3):
        held.say("usb:0: gone", logging.ERROR, name)
    assert held.lines[9:] == ["usb:0: gone"]


def test_what_is_left_is_counted_at_the_end(held):
    for _ in range(4):
        held.say("gone")
    held.now = 45
    held.handler.close()
    assert held.lines == ["gone", "gone ... 3 more in the last 45 s"]


# --- threads


@pytest.mark.parametrize(("level", "traceback"), [("info", False), ("debug", True)])
def test_a_thread_that_ends_unforeseen_is_one_line(capsys, root_logger, level, traceback):
    set_up_logging(level, "text", {})
    before = threading.excepthook
    with thread_errors_logged():
        worker = threading.Thread(target=lambda: [][1], name="capture usb:0")
        worker.start()
        worker.join()
    flush_log()
    err = capsys.readouterr().err
    assert "ERROR   thread capture usb:0 ended: IndexError: list index out of range" in err
    assert ("Traceback" in err) is traceback
    assert threading.excepthook is before


# --- a log that nobody reads


class Blocked(io.StringIO):
    """A stream whose reader has stopped, until it is let go."""

    def __init__(self):
        super().__init__()
        self.go, self.reached = threading.Event(), threading.Event()

    def write(self, text):
        self.reached.set()
        self.go.wait(10)
        return super().write(text)


@pytest.fixture
def blocked(root_logger):
    stream = Blocked()
    queue = LogQueue(LogHandler(stream), size=4)
    root_logger.handlers[:] = [queue]
    root_logger.setLevel(logging.INFO)
    yield stream
    stream.go.set()


def test_a_log_that_nobody_reads_holds_nobody_up_and_counts_what_is_lost(blocked):
    for number in range(20):
        logging.getLogger("x").info("line %d", number, extra=NEVER_HELD_BACK)
    assert not flush_log(0.05)
    blocked.go.set()
    assert flush_log(5)
    logging.getLogger("x").info("again", extra=NEVER_HELD_BACK)
    assert flush_log(5)
    lines = blocked.getvalue().splitlines()
    assert "line 0" in lines
    assert lines[-1] == "again"
    lost = next(line for line in lines if "were lost" in line)
    told = sum(line.startswith("line ") for line in lines)
    assert lost == f"{20 - told} lines of the log were lost: nobody read it"


def test_last_words_do_not_wait_for_a_reader(blocked, monkeypatch):
    monkeypatch.setattr("edge.host.logs.FLUSH_S", 0.05)
    logging.getLogger("x").error("broken")
    blocked.reached.wait(5)
    report_error("no camera")
    logging.getLogger().handlers[0].close()
    assert not blocked.go.is_set()


def test_what_a_line_tells_is_what_was_true_when_it_was_logged(blocked):
    seen = ["bare"]
    logging.getLogger("x").info("%s", seen)
    seen[0] = "masked"
    blocked.go.set()
    assert flush_log(5)
    assert blocked.getvalue() == "['bare']\n"
