"""`python -m edge config`: print an example, check a file, or show what is in force."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from edge.commands.options import Commands
from edge.config.reading import as_tables, as_toml, example, load_config
from edge.errors import ConfigError, UsageError
from edge.host.logs import report_error


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Print an example configuration, check a file, or show the configuration in force."
    command = commands.add("config", handle, text)
    command.add_argument(
        "action",
        choices=("example", "check", "show"),
        help="example: print every key with its default; check: look for mistakes in --config FILE; "
        "show: print every key with the value in force",
    )
    command.add_argument("--json", action="store_true", help="with show: print one JSON object")
    command.add_argument(
        "--secrets", action="store_true", help="with show: print passwords as they are, not as ***"
    )


def handle(arguments: argparse.Namespace) -> int:
    """Do what `action` says."""
    if arguments.action == "example":
        print(example())
        return 0
    if arguments.action == "check" and arguments.config is None:
        raise UsageError("config check: no file is named", "add --config FILE")
    if arguments.action == "check":
        return check(arguments.config)
    config = load_config(arguments.config, os.environ)
    secrets = arguments.secrets
    print(json.dumps(as_tables(config, secrets)) if arguments.json else as_toml(config, secrets))
    return 0


def check(path: Path) -> int:
    """Print whether a file is fine; each mistake is a line on stderr. Returns the exit code."""
    try:
        config = load_config(path, os.environ)
    except ConfigError as error:
        for mistake in error.mistakes[:-1]:
            report_error(str(mistake))
        raise error.mistakes[-1] if error.mistakes else error from None
    print(f"{path}: fine")
    hint = config.source.uri.hint
    if hint:
        print(f"{path}: source.uri: {hint}")
    return 0
