"""Which TFLite runtime is installed."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from edge.errors import MissingLibraryError

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""In order of choice.

ai-edge-litert is the successor that is kept up; tflite-runtime still works where numpy is older than 2.
"""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A TFLite runtime that could be imported."""

    name: str
    module: Any


def import_runtime(names: tuple[str, ...] = RUNTIMES) -> Runtime:
    """The first runtime that imports. Raises MissingLibraryError, which says why each does not."""
    reasons = []
    for name in names:
        package = name.partition(".")[0]
        try:
            return Runtime(package, importlib.import_module(name))
        except Exception as error:  # built against another numpy, tflite-runtime raises more than ImportError
            reasons.append(f"{package}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    raise MissingLibraryError(f"no TFLite runtime ({'; '.join(reasons)})", "`pip install ai-edge-litert`")


def runtime_version() -> str:
    """Name and version of the installed TFLite runtime."""
    for name in ("ai-edge-litert", "tflite-runtime"):
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return "unknown"
