"""The commands of training and convert: arguments, and what a person sees of an error."""

import argparse

import pytest

from edge.errors import DataError
from training.arguments import input_size, named_number
from training.commands import run_command


def exit_code_of(error: BaseException, *words: str) -> int:
    def main(arguments: argparse.Namespace) -> int:
        raise error

    with pytest.raises(SystemExit) as caught:
        run_command(argparse.ArgumentParser(prog="python -m training.x"), main, words)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("faces: empty", "add pictures"), 1, "python -m training.x: faces: empty; add pictures\n"),
        (KeyboardInterrupt(), 130, "python -m training.x: interrupted\n"),
    ],
)
def test_an_error_is_one_line_with_the_commands_name(error, code, line, capsys):
    assert exit_code_of(error) == code
    assert capsys.readouterr().err == line


def test_debug_shows_the_error_itself():
    with pytest.raises(DataError):
        run_command(argparse.ArgumentParser(), lambda arguments: _raise(), ["--debug"])


def _raise() -> int:
    raise DataError("faces: empty")


def test_a_commands_result_is_its_exit_code():
    with pytest.raises(SystemExit) as caught:
        run_command(argparse.ArgumentParser(), lambda arguments: 3, [])
    assert caught.value.code == 3


@pytest.mark.parametrize(("text", "size"), [("384x288", (384, 288)), ("32x640", (32, 640))])
def test_input_sizes(text, size):
    assert input_size(text) == size


@pytest.mark.parametrize("text", ["384", "384x", "x288", "384x280", "0x32", "-32x32", "384 x 288"])
def test_wrong_input_sizes(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not WIDTHxHEIGHT in multiples of 32"):
        input_size(text)


@pytest.mark.parametrize("text", ["a", "=3", "a=", "a=b", "a=-1"])
def test_wrong_named_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="not NAME=NUMBER"):
        named_number(text)
    assert named_number("kaggle12k=300") == ("kaggle12k", 300)
