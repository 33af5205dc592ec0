"""Lines into files, pipes and stdout: none lost in silence, none that holds up the door."""

import os
import threading
import time

import pytest

from edge.errors import SinkError
from edge.sinks.lines import LineFile, LineQueue


@pytest.fixture
def pipe(tmp_path):
    """A named pipe with a reader that does not read, so that it fills up."""
    path = tmp_path / "events"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


@pytest.mark.parametrize("gone", ["renamed", "removed", "replaced"])
def test_a_file_that_was_rotated_is_made_anew(tmp_path, gone):
    path = tmp_path / "a.jsonl"
    lines = LineFile(str(path))
    lines.write(b"1\n")
    if gone == "removed":
        path.unlink()
    else:
        path.rename(tmp_path / "a.jsonl.1")
    if gone == "replaced":
        path.write_bytes(b"0\n")
    lines.write(b"2\n")
    lines.close()
    assert path.read_bytes() == (b"0\n2\n" if gone == "replaced" else b"2\n")
    assert gone == "removed" or (tmp_path / "a.jsonl.1").read_bytes() == b"1\n"
    assert lines.lost == 0


def test_a_folder_that_is_gone_loses_lines_with_a_word_and_heals(tmp_path, caplog):
    folder = tmp_path / "log"
    lines = LineFile(str(folder / "a.jsonl"))
    (folder / "a.jsonl").unlink()
    folder.rmdir()
    lines.write(b"1\n")
    assert lines.lost == 1
    assert "1 lines lost so far" in caplog.text
    folder.mkdir()
    lines.write(b"2\n")
    lines.close()
    assert (folder / "a.jsonl").read_bytes() == b"2\n"


def test_half_a_line_is_not_cut_off_where_another_program_appended(tmp_path, monkeypatch):
    """Then it ends with a line break, and what the other one wrote stays."""
    path, real, taken = tmp_path / "a.jsonl", os.write, []

    def half(descriptor, data):
        if taken:
            with path.open("ab") as other:
                other.write(b"theirs\n")
            raise OSError(28, "No space left on device")
        taken.append(data)
        return real(descriptor, data[:3])

    lines = LineFile(str(path))
    monkeypatch.setattr(os, "write", half)
    lines.write(b"lost line\n")
    monkeypatch.setattr(os, "write", real)
    lines.write(b"2\n")
    lines.close()
    assert path.read_bytes() == b"lostheirs\n\n2\n"


def test_a_pipe_without_a_reader_is_an_error_at_once(tmp_path):
    path = tmp_path / "events"
    os.mkfifo(path)
    with pytest.raises(SinkError, match=r"nobody reads this pipe.*start its reader first"):
        LineFile(str(path))


def test_a_name_that_cannot_be_is_an_error(tmp_path):
    with pytest.raises(SinkError, match="cannot be written"):
        LineFile(str(tmp_path / "a\0b"))


def test_a_reader_that_stops_holds_nobody_up_and_is_counted(pipe, caplog, monkeypatch):
    monkeypatch.setattr("edge.sinks.lines.CLOSE_S", 0.1)
    path, _ = pipe
    lines = LineQueue(LineFile(str(path)), "events", size=8)
    begin = time.monotonic()
    for _ in range(400):
        lines.write(b"x" * 1023 + b"\n")
    assert time.monotonic() - begin < 5
    assert lines.lost > 0
    assert "nobody reads it" in caplog.text
    lines.close()
    lines.close()
    assert "lines were lost" in caplog.text


def test_a_reader_that_comes_back_gets_whole_lines(pipe):
    path, reader = pipe
    lines = LineQueue(LineFile(str(path)), "events", size=200)
    for number in range(150):
        lines.write(b"%04d" % number + b"x" * 1019 + b"\n")
    read, seen = b"", threading.Event()
    while read.count(b"\n") < 150 and not seen.wait(0.01):
        try:
            read += os.read(reader, 65536)
        except BlockingIOError:
            continue
    lines.close()
    assert [int(line[:4]) for line in read.splitlines()] == list(range(150))
    assert lines.lost == 0


def test_a_reader_of_stdout_that_has_left_ends_the_run(monkeypatch):
    ours, theirs = os.pipe()
    os.close(ours)
    monkeypatch.setattr("edge.sinks.lines.STDOUT", theirs)
    lines = LineFile("-")
    with pytest.raises(BrokenPipeError):
        lines.write(b"1\n")
    queue = LineQueue(lines, "-")
    deadline = time.monotonic() + 5
    with pytest.raises(BrokenPipeError):
        while time.monotonic() < deadline:
            queue.write(b"1\n")
            time.sleep(0.01)
    queue.close()
    assert lines.lost == 0
