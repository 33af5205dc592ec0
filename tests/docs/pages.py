"""The pages of the project as the tests of this folder read them: links, headings, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.builders import ROOT

OTHERS = ("build", "runs", "demo-output")
"""Folders that are not part of the repository, beside the hidden ones (.venv)."""

PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part in OTHERS or part.startswith(".") for part in path.relative_to(ROOT).parts)
)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)


def links(page: Path) -> list[str]:
    """The targets of all links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """The headings' anchors as GitHub makes them; a repeated one gets -1, -2, ..."""
    seen: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return found


def code_lines(page: Path) -> Iterator[str]:
    """Indented lines and code within a line, each without its comment."""
    text = page.read_text()
    for line in re.findall(r"^ {4}(.*)$", text, re.MULTILINE):
        yield line.partition("  #")[0].strip()
    yield from re.findall(r"`([^`\n]+)`", prose(page))


def command_lines(page: Path) -> Iterator[str]:
    """Those lines that call the project's own commands, up to a pipe, a redirection or the next command."""
    for line in code_lines(page):
        for part in re.split(r" && | \| |, then ", line):
            words = part.removeprefix("sudo ")
            if re.match(r"(\S*python3? -m (edge|training|convert)\b|mask-edge |(\S*/)?setup\.sh\b)", words):
                yield re.split(r" >|[|]", words)[0].strip()
