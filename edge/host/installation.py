"""The installed service: where its configuration and state lie, and which folders its sandbox hides."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

CONFIG = Path("etc/mask-edge/config.toml")
"""Below the root: the configuration of the service. The doctor reads it where no other is named."""

STATE = Path("var/lib/mask-edge")
"""Below the root: the folder that the service works in. Relative paths of its configuration begin there."""

HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))
"""Folders that the service sees as empty: ProtectHome and PrivateTmp in its unit."""


def is_service_config(path: Path | None, root: Path = Path("/")) -> bool:
    """Whether this is the configuration of the service."""
    with contextlib.suppress(OSError):
        return path is not None and path.samefile(root / CONFIG)
    return False


def in_service(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the service, in its sandbox: systemd gives it a folder below /run."""
    return environment.get("RUNTIME_DIRECTORY", "").startswith("/")


def work_where_the_service_does(root: Path = Path("/")) -> None:
    """Change to the service's folder: so a relative path means what it means to the service.

    Where there is none, change to the root: a file in the caller's folder must not be taken for it.
    """
    try:
        os.chdir(root / STATE)
    except OSError:
        os.chdir(root)


def hidden_from_service(path: Path) -> Path | None:
    """The folder above a path that the service's sandbox hides; None where it may see the path."""
    whole = Path(os.path.realpath(path))
    return next((folder for folder in HIDDEN if whole.is_relative_to(folder)), None)
