"""The one runner of all commands: each kind of error gives one line and its exit code."""

import errno
import os
import subprocess
import sys

import pytest

from edge.commands.runner import describe, run_to_exit_code
from edge.errors import ConfigError, DataError, UsageError
from tests.builders import ROOT


def raising(error: BaseException):
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_command_decides_its_own_exit_code(code):
    lines: list[str] = []
    assert run_to_exit_code(lambda: code, lines.append) == code
    assert lines == []


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("a.csv: no rows", "add some"), 1, "a.csv: no rows; add some"),
        (UsageError("two models have one name"), 2, "two models have one name"),
        (ConfigError("c.toml: unknown key"), 78, "c.toml: unknown key"),
        (DataError("first line\n  second line"), 1, "first line second line"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            KeyError("what"),
            1,
            "KeyError: 'what': not foreseen; run it again with --debug, and report what it prints",
        ),
        (
            OSError(),
            1,
            "OSError: not foreseen; run it again with --debug, and report what it prints",
        ),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(error, code, line):
    lines: list[str] = []
    assert run_to_exit_code(raising(error), lines.append) == code
    assert lines == [line]


@pytest.mark.parametrize("error", [DataError("a.csv: no rows"), KeyError("what")])
def test_debug_raises_it_again(error):
    lines: list[str] = []
    with pytest.raises(type(error)):
        run_to_exit_code(raising(error), lines.append, debug=True)
    assert lines == []


def test_debug_does_not_make_ctrl_c_an_error():
    assert run_to_exit_code(raising(KeyboardInterrupt()), lambda line: None, debug=True) == 130


def test_an_exit_of_the_command_itself_goes_through():
    with pytest.raises(SystemExit):
        run_to_exit_code(raising(SystemExit(2)), lambda line: None)


def test_a_reader_that_goes_away_is_no_noise():
    """As in `python -m training.evaluate ... | head -1`: exit code 1, and nothing on stderr."""
    code = (
        "import sys; from edge.commands.runner import describe, run_to_exit_code\n"
        "report = lambda line: print(line, file=sys.stderr)\n"
        "sys.exit(run_to_exit_code(lambda: print('x' * 10**6) or 0, report))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_importing_the_runner_loads_nothing_heavy():
    code = (
        "import sys, edge.commands.runner\n"
        "heavy = {'numpy', 'cv2', 'keras', 'tensorflow', 'argparse', 'logging'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "the memory is used up; close other programs"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; make room"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "/x: Read-only file system; "),
    ],
)
def test_what_the_machine_lacks_is_foreseen(error, words):
    assert describe(error).startswith(words)


@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
def test_a_stdout_that_takes_nothing_is_one_line(redirection):
    command = f"{sys.executable} -m edge config example {redirection}"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert "Traceback" not in result.stderr
    assert "not foreseen" not in result.stderr
    assert result.returncode == (1 if "full" in redirection else 0)
    assert result.stderr.count("\n") <= 1
