"""The scripts that boot a Pi run seldom: what they name must not go unnoticed meanwhile."""

import re

import pytest

from tests.builders import ROOT

SCRIPTS = sorted((ROOT / "tests" / "pi").rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_files_that_a_script_names_are_there(script):
    """As of `_append("edge/loop.py", ...)`, by which a script makes another version of the program."""
    named = re.findall(r'"((?:edge|training|convert|systemd|models)/[\w./-]+\.\w+)"', script.read_text())
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_some_are_named():
    assert any('"edge/loop.py"' in script.read_text() for script in SCRIPTS)
