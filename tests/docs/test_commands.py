"""What the pages tell people to type exists, with its flags; and every command is on a page."""

import argparse
import ast
import importlib
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from edge.commands.parser import build_parser
from tests.builders import ROOT
from tests.docs.pages import PAGES, code_lines, command_lines, name

WORKSTATION = sorted(
    f"{folder}.{path.stem}"
    for folder in ("training", "convert")
    for path in (ROOT / folder).glob("*.py")
    if "def build_parser" in path.read_text()
)
FOREIGN = {"--vacuum-size", "--list-cameras", "--strict"}
"""Flags of other programs that the pages name."""


def edge_commands() -> dict[str, argparse.ArgumentParser]:
    return next(dict(action.choices) for action in build_parser()._actions if action.choices)


def edge_flags(command: str) -> set[str]:
    return {flag for action in edge_commands()[command]._actions for flag in action.option_strings}


@cache
def setup_flags() -> set[str]:
    usage = subprocess.run([ROOT / "setup.sh", "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z-]+", usage))


@cache
def file_flags(path: Path) -> tuple[set[str], set[str]]:
    """Flags that a module adds to a parser, and the modules that it imports from."""
    flags, imported = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            flags |= {str(node.args[0].value)} if str(node.args[0].value).startswith("--") else set()
        if isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    return flags, imported


@cache
def module_flags(module: str) -> set[str]:
    """Flags of a workstation command, by its source and what that imports: TensorFlow may be absent."""
    flags: set[str] = set()
    waiting, seen = {module}, set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        path = ROOT / f"{name.replace('.', '/')}.py"
        if path.is_file():
            own, imported = file_flags(path)
            flags |= own
            waiting |= imported - seen
    return flags


def flags_of(line: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line))


def known_flags(line: str) -> set[str]:
    """The flags that the command of a line has. Fails where there is no such command."""
    if "setup.sh" in line.split()[0]:
        return setup_flags()
    words = line.split()
    module = words[words.index("-m") + 1] if "-m" in words else "edge"
    if module == "edge":
        rest = words[words.index("edge") + 1 :] if "-m" in words else words[1:]
        if not rest or rest[0].startswith("-"):
            return {"--version", "--help"}
        assert rest[0] in edge_commands(), f"no such command: {line}"
        return edge_flags(rest[0]) | {"--help"}
    assert module in WORKSTATION, f"no such command: {line}"
    return module_flags(module) | {"--help", "--debug"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_on_the_pages_exist_with_their_flags(page):
    for line in command_lines(page):
        if line.split()[-1] in ("edge", "..."):
            continue
        unknown = flags_of(line) - known_flags(line)
        assert not unknown, f"{line}: {unknown}"


def test_every_flag_that_a_page_names_is_one_of_ours():
    known = setup_flags().union(
        *(edge_flags(command) for command in edge_commands()),
        *(module_flags(module) for module in WORKSTATION),
    )
    named = {
        (name(page), flag)
        for page in PAGES
        for line in code_lines(page)
        if not re.match(r"(sudo )?(pip|git|apt|journalctl|systemctl|python3 -m venv|\.venv/bin/pip)", line)
        for flag in flags_of(line)
    }
    assert {
        (page, flag) for page, flag in named if flag not in known | FOREIGN | {"--help", "--version"}
    } == set()


def complete_lines(prefix: str) -> list[str]:
    """Commands in blocks of code, which a reader copies as they are."""
    blocks = "\n".join("\n".join(re.findall(r"^ {4}(.*)$", page.read_text(), re.MULTILINE)) for page in PAGES)
    lines = (re.split(r"  #| [|>] |\|", line)[0].strip() for line in blocks.splitlines())
    return sorted({line for line in lines if line.startswith(prefix)})


@pytest.mark.parametrize("line", complete_lines("python -m edge "))
def test_the_parser_takes_the_commands_that_a_reader_copies(line):
    build_parser().parse_args(shlex.split(line)[3:])


@pytest.mark.training
@pytest.mark.parametrize("line", complete_lines("python -m training.") + complete_lines("python -m convert."))
def test_the_workstation_parsers_take_the_commands_that_a_reader_copies(line):
    pytest.importorskip("keras")
    module, *words = shlex.split(line)[2:]
    importlib.import_module(module).build_parser().parse_args(words)


@pytest.mark.parametrize("command", edge_commands())
def test_every_command_has_help_and_is_on_the_pages(command):
    text = "\n".join(page.read_text() for page in PAGES)
    assert f"python -m edge {command}" in text
    assert edge_commands()[command].description
    for action in edge_commands()[command]._actions:
        assert action.help or not action.option_strings, f"{command}: {action.dest} has no help"


@pytest.mark.parametrize("module", WORKSTATION)
def test_every_workstation_command_is_on_the_pages(module):
    assert any(f"python -m {module}" in page.read_text() for page in PAGES)


def test_the_demo_prints_what_the_readme_says(tmp_path):
    readme = (ROOT / "README.md").read_text()
    block = re.search(
        r"(?:^    [A-Zf].*\n)+", readme[readme.index("prints what a door would log") :], re.MULTILINE
    )
    expected = [line.strip() for line in block[0].splitlines()]
    command = [sys.executable, "-m", "edge", "demo", "--out", str(tmp_path)]
    log = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stderr
    said = [line.partition("INFO")[2].strip() for line in log.splitlines()]
    assert said[: len(expected)] == expected or said[1 : len(expected) + 1] == expected
