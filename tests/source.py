"""Our own source files, as modules that import each other. Read, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.builders import ROOT

PACKAGES = ("edge", "training", "convert")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
"""Dotted name -> file, of every module and package of ours."""


def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


def statements(node: ast.AST, inside_functions: bool = True) -> Iterator[ast.AST]:
    """All nodes that run. Left out: what stands under `if TYPE_CHECKING`, and function bodies if asked."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from (other, *statements(other, inside_functions))
        elif inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from statements(child, inside_functions)


def imported(tree: ast.Module, inside_functions: bool = True) -> set[str]:
    """Full names of all that a file imports.

    `from a import b` counts as a.b where that is a module of ours, otherwise as a.
    """
    names: set[str] = set()
    for node in statements(tree, inside_functions):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else str(node.module) for name in full}
    return names


def top_names(names: set[str]) -> set[str]:
    """The libraries behind full names: {"numpy.typing"} -> {"numpy"}."""
    return {name.partition(".")[0] for name in names}


def own_imports(module: str) -> set[str]:
    return {name for name in imported(parse(module)) if name in MODULES} - {module}
