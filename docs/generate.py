"""Writes the generated parts of the pages in this folder: `make docs`. They stand between two comments:

    <!-- generated: NAME -->
    <!-- end -->

`tests/docs` fails where a page is not what this makes of it.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from edge.commands.parser import build_parser
from edge.config.option import option_of
from edge.config.reading import Config

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES = ("architecture.md", "commands.md", "configuration.md")
WIDTH = 110
"""Columns of a line that is not in a table."""

GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def configuration() -> Iterator[str]:
    """Every table of the configuration: each key with its default and what it means."""
    for name, table in Config().tables().items():
        yield f"\n## `[{name}]`\n\n{_paragraphs(type(table).__doc__ or '')}\n"
        yield from _table(
            ("key", "default", "meaning"),
            (
                (f"`{item.name}`", f"`{json.dumps(item.default, default=str)}`", option_of(item).text)
                for item in dataclasses.fields(table)
            ),
        )


def commands() -> Iterator[str]:
    """Every command of `python -m edge` with its flags; those that all of them have come first."""
    parsers = subcommands(build_parser())
    flags = {name: dict(_flags(parser)) for name, parser in parsers.items()}
    common = set.intersection(*(set(known) for known in flags.values()))
    first = next(iter(flags.values()))
    yield "\n## Flags of every command\n"
    yield from _table(("flag", "meaning"), ((flag, first[flag]) for flag in first if flag in common))
    for name, parser in parsers.items():
        yield f"\n## {name}\n\n{parser.description}\n"
        yield f"    python -m edge {name}{_arguments(parser)}\n"
        rows = [(flag, text) for flag, text in flags[name].items() if flag not in common]
        if rows:
            yield from _table(("flag", "meaning"), rows)


def rooms() -> Iterator[str]:
    """Every package, and every module beside them in `edge`, with the first sentence of its docstring."""
    for top in ("edge", "training", "convert"):
        packages = sorted((ROOT / top).rglob("__init__.py"))
        modules = sorted((ROOT / top).glob("[a-z]*.py"))
        yield f"\n### {top}/\n"
        yield from _table(
            ("where", "what"),
            (
                *((f"`{path.parent.relative_to(ROOT)}/`", _first_line(path)) for path in packages),
                *((f"`{path.relative_to(ROOT)}`", _first_line(path)) for path in modules),
            ),
        )


def arrows() -> Iterator[str]:
    """The layers that `tests/test_architecture.py` holds, from the bottom to the top."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    value = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "LAYERS"
    )
    yield ""
    for number, layer in enumerate(ast.literal_eval(value), start=1):
        line = f"{number}. {', '.join(f'`{entry}`' for entry in layer)}"
        yield from textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "arrows": arrows,
    "commands": commands,
    "configuration": configuration,
    "rooms": rooms,
}


def rendered(page: Path) -> str:
    """A page with its generated parts made anew. Raises KeyError where it names a part that nothing makes."""
    return GENERATED.sub(
        lambda found: found[1] + "\n".join(PARTS[found[2]]()) + "\n\n", page.read_text(encoding="utf-8")
    )


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser by their names."""
    return next(
        dict(action.choices) for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )


def _flags(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if action.option_strings and action.dest != "help":
            yield f"`{', '.join(action.option_strings)}{_value(action)}`", _help(action)


def _value(action: argparse.Action) -> str:
    """What stands behind a flag: nothing, its metavar or its choices."""
    if action.nargs == 0:
        return ""
    return " " + (str(action.metavar) if action.metavar else _choices(action) or action.dest.upper())


def _choices(action: argparse.Action) -> str:
    return "|".join(map(str, action.choices or ()))


def _arguments(parser: argparse.ArgumentParser) -> str:
    return "".join(
        f" {_choices(action) or action.metavar or action.dest}"
        for action in parser._actions
        if not action.option_strings
    )


def _help(action: argparse.Action) -> str:
    return (action.help or "") % vars(action)


def _paragraphs(docstring: str) -> str:
    """A docstring as Markdown, at the width of the house."""
    return "\n\n".join(textwrap.fill(" ".join(part.split()), 110) for part in docstring.split("\n\n"))


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main() -> None:
    """Write every page anew, and name those that changed."""
    for name in PAGES:
        page = DOCS / name
        text = rendered(page)
        if text != page.read_text(encoding="utf-8"):
            page.write_text(text, encoding="utf-8")
            print(f"written: docs/{name}")


if __name__ == "__main__":
    main()
