"""`python -m edge config`: print an example, check a file, or show what is in force."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from edge.commands.options import Commands
from edge.config.reading import Config, as_tables, as_toml, example, load_config
from edge.errors import ConfigError, MaskEdgeError, ModelError, UsageError
from edge.host.installation import is_service_config, work_where_the_service_does
from edge.host.logs import report_error


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Print an example configuration, check a file, or show the configuration in force."
    command = commands.add("config", handle, text)
    command.add_argument(
        "action",
        choices=("example", "check", "show"),
        metavar="example|check|show",
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
    """Print whether a file is fine, or each of its mistakes on stderr. Returns the exit code."""
    try:
        config = load_config(path, os.environ)
        mistakes = _model_mistakes(path, config)
    except ConfigError as error:
        mistakes = error.mistakes or (error,)
    for mistake in mistakes:
        report_error(str(mistake))
    if mistakes:
        return ConfigError.exit_code
    print(f"{path}: fine")
    hint = config.source.uri.hint
    if hint:
        print(f"{path}: source.uri: {hint}")
    return 0


def _model_mistakes(path: Path, config: Config) -> tuple[MaskEdgeError, ...]:
    """What is wrong with the model files that the configuration names, as the service sees them."""
    from edge.doctor.software import hidden_model, model_paths
    from edge.inference.card import load_card

    service = is_service_config(path)
    if service:
        work_where_the_service_does()
    mistakes: list[MaskEdgeError] = []
    for model in model_paths(config):
        hidden = hidden_model(model) if service else None
        try:
            load_card(model)
            mistakes += [ModelError(*hidden)] if hidden else []
        except ModelError as error:
            mistakes.append(error)
    return tuple(mistakes)
