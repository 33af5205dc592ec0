"""`python -m edge config`: print an example, check a file, or show what is in force."""

from __future__ import annotations

import argparse
import json
import os

from edge.commands.options import Commands
from edge.config.reading import as_tables, as_toml, example, load_config
from edge.errors import UsageError


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


def handle(arguments: argparse.Namespace) -> int:
    """Do what `action` says."""
    if arguments.action == "example":
        print(example())
        return 0
    if arguments.action == "check" and arguments.config is None:
        raise UsageError("config check: no file is named", "add --config FILE")
    config = load_config(arguments.config, os.environ)
    if arguments.action == "check":
        print(f"{arguments.config}: fine")
    else:
        print(json.dumps(as_tables(config)) if arguments.json else as_toml(config))
    return 0
