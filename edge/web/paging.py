"""The pages: HTML with a few places to fill in, a style sheet, a script. All lie in `edge/web/pages`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from string import Template

FOLDER = Path(__file__).with_name("pages")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Suffix -> Content-Type of what may be asked for by name; pages have routes of their own."""


@cache
def read_part(name: str) -> bytes:
    """A file of the pages."""
    return (FOLDER / name).read_bytes()


def filled(name: str, values: Mapping[str, str]) -> str:
    """A page with its places `$name` filled in; each value is escaped."""
    return Template(read_part(name).decode()).substitute({key: escape(text) for key, text in values.items()})


@cache
def etag(name: str) -> str:
    """Tells whether a browser's copy of a file is still right."""
    return f'"{hashlib.sha256(read_part(name)).hexdigest()[:16]}"'


def public_parts() -> dict[str, str]:
    """Name -> Content-Type of the files that may be asked for."""
    names = sorted(path.name for path in FOLDER.iterdir())
    return {name: TYPES[suffix] for name in names if (suffix := Path(name).suffix) in TYPES}
