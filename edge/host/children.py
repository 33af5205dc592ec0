"""Python processes that this program starts: they import nothing from the working directory."""

from __future__ import annotations

import sys
from types import ModuleType

from edge.host.packages import packages_folder


def python_command(code: str, *words: str) -> list[str]:
    """The command that runs a piece of Python. words: what it finds in sys.argv from 1 on.

    Where the environment may not say what this process imports (`python -I`), nor may it for the child.
    """
    return [sys.executable, "-I" if sys.flags.isolated else "-P", "-c", code, *words]


def module_command(module: ModuleType, *words: str) -> list[str]:
    """The command that calls `main(words)` of a module of this package, of this very copy of it."""
    code = (
        f"import sys; sys.path.insert(0, {str(packages_folder())!r}); "
        f"from {module.__name__} import main; main(sys.argv[1:])"
    )
    return python_command(code, *words)
