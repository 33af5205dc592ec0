"""No module is named by a string, which would stay behind when the module moves; names in texts are right."""

import ast
import re
import shutil
import subprocess
import tomllib

import pytest

from tests.builders import ROOT
from tests.source import MODULES, PACKAGES, parse

ALLOWED = {
    "convert.quantize": "the command that a model's card shows; its name is promised to users",
}
"""Module name -> why a string has to hold it."""

COMMAND = re.compile(r"-m (edge|training|convert)((?:\.\w+)*)")


def tracked_texts() -> dict[str, str]:
    """All text files of the repository except this test's own folder."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git repository: this test was NOT run")
    words = ["git", "ls-files", "--", ":!tests"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    endings = (".py", ".md", ".sh", ".toml", ".service", ".json", "Makefile")
    paths = [ROOT / name for name in listed.splitlines() if name.endswith(endings)]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths if path.is_file()}


def strings(module: str) -> set[str]:
    return {
        node.value
        for node in ast.walk(parse(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_string_is_the_name_of_a_module():
    dotted = {name for name in MODULES if "." in name} - set(ALLOWED)
    found = [f"{module}: {name!r}" for module in MODULES for name in sorted(strings(module) & dotted)]
    assert not found, "take the name from the module itself: module.__name__"


@pytest.mark.parametrize("name", ALLOWED)
def test_an_exception_is_needed(name):
    assert any(name in strings(module) for module in MODULES)


def test_every_command_that_a_text_names_is_there():
    """In cures, docs, units and scripts: what `python -m` runs must be a module."""
    wrong = {
        f"{path}: {found[0]}"
        for path, text in tracked_texts().items()
        for found in COMMAND.finditer(text)
        if f"{found[1]}{found[2]}" not in MODULES
    }
    assert not wrong


def test_what_the_package_lists_name_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for target in project["project"]["scripts"].values():
        module, _, function = target.partition(":")
        assert any(getattr(node, "name", "") == function for node in parse(module).body)
    setuptools = project["tool"]["setuptools"]
    for package, patterns in setuptools["package-data"].items():
        for pattern in patterns:
            assert list(MODULES[package].parent.glob(pattern)), f"{package}: {pattern}"
    for patterns in setuptools["data-files"].values():
        assert all(list(ROOT.glob(pattern)) for pattern in patterns)
    packed = [pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]]
    assert set(packed) <= set(PACKAGES)


def test_setup_copies_what_is_there():
    parts = re.search(r"^readonly PARTS=\((.*)\)$", (ROOT / "setup.sh").read_text(), re.MULTILINE)
    assert parts, "setup.sh names what a version is built from"
    missing = [name for name in parts[1].split() if not (ROOT / name).exists()]
    assert not missing
    assert set(parts[1].split()) == {"edge", "models", "pyproject.toml"}
