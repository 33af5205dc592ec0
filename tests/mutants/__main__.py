"""`python -m tests.mutants`: small faults in the tracker and the policy, which their tests must notice.

mutmut (`pip install -e ".[mutants]"`) makes each fault in a copy of the modules and runs the tests.
A mutant is a module with one such fault; it is killed where a test fails, and survives where all tests pass.
Mutants that nobody can tell from the original are listed in equivalent.toml, each with a reason.
Exit code 1: too many others survived, or a mutant of the list was killed or is made no more.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.builders import ROOT
from tests.mutants.report import SURVIVED, Mutant, read_equivalents, report

MODULES = ("edge/tracking.py", "edge/decision.py")
TESTS = ("tests/edge/tracking", "tests/edge/test_decision.py")
COPIED = ("edge", "tests/__init__.py", "tests/builders.py", "tests/edge/__init__.py", *TESTS)

SETTINGS = f"""\
[tool.mutmut]
source_paths = ["edge"]
only_mutate = {list(MODULES)}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = {list(TESTS)}
use_git_change_detection = false
"""


def copy_project(folder: Path) -> None:
    """What mutmut needs, so that it writes nothing into the working tree."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "pyproject.toml").write_text(SETTINGS)


def mutmut(folder: Path, *words: str) -> str:
    """Run mutmut in this folder. Returns what it prints. Raises CalledProcessError."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MASK_EDGE_")}
    environment |= {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": ""}
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=True
    ).stdout


def without_spinner(text: str) -> str:
    """What mutmut printed, without the lines that begin with a braille dot: they only show that it runs."""
    return "\n".join(line for line in text.splitlines() if not "\u2800" <= line.lstrip()[:1] <= "\u28ff")


def read_mutants(folder: Path) -> Iterator[Mutant]:
    """All mutants of a finished run; those that survived with their difference to the original."""
    for line in mutmut(folder, "results", "--all", "true").splitlines():
        name, _, status = line.strip().partition(": ")
        if status:
            yield Mutant(name, status, mutmut(folder, "show", name) if status in SURVIVED else "")


def main() -> int:
    if importlib.util.find_spec("mutmut") is None:
        print('mutmut is not installed; `pip install -e ".[mutants]"`', file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        copy_project(folder)
        try:
            mutmut(folder, "run", "--max-children", str(os.cpu_count() or 1))
        except subprocess.CalledProcessError as error:
            print(without_spinner(error.stdout + error.stderr), file=sys.stderr)
            print("mutmut broke off; do the tests pass?", file=sys.stderr)
            return 1
        return report(list(read_mutants(folder)), read_equivalents(), print)


if __name__ == "__main__":
    sys.exit(main())
