"""Flags that several commands share, and the configuration that they make."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.config.reading import Config, Tables, load_config
from edge.errors import ConfigError
from edge.host.logs import set_up_logging
from edge.sinks import kinds, log

Handler = Callable[[argparse.Namespace], int]


class Commands:
    """The sub-commands of a parser, and the groups of flags that they may take."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(required=True, metavar="COMMAND")
        self._common = _common_flags()
        self.models = _model_flags()
        self.sinks = _sink_flags()

    def add(
        self, name: str, handler: Handler, text: str, *groups: argparse.ArgumentParser, example: str = ""
    ) -> argparse.ArgumentParser:
        """A command with the common flags and those of `groups`. example: its words, shown below the help."""
        parents = [self._common, *groups]
        command: argparse.ArgumentParser = self._commands.add_parser(
            name, help=text, description=text, parents=parents, epilog=example and f"example: {example}"
        )
        command.set_defaults(handler=handler)
        return command


def configure(arguments: argparse.Namespace, flags: Tables) -> Config:
    """The configuration of one command, from file, environment and flags; logging is set up as it says.

    flags: table -> key -> value, of this command's own flags. Raises ConfigError.
    """
    common: Tables = {
        "log": {"level": "debug" if arguments.debug else None, "format": arguments.log_format},
        "accelerator": {"use": getattr(arguments, "accelerator", None)},  # only commands that run a model
    }
    config = load_config(arguments.config, os.environ, flags | common)
    settings = config.of(log.KIND)
    set_up_logging(settings.level, settings.format)
    return config


def with_sinks(config: Config, names: Sequence[str]) -> Config:
    """The configuration with the sinks of `--sink` switched on: as configured, or with their defaults.

    Raises ConfigError where two sinks want the same pin.
    """
    try:
        for kind in kinds.KINDS:
            if kind.name in names and kind.switch_on is not None:
                config = config.having(kind, kind.switch_on(config.of(kind)))
    except ConfigError as error:
        raise ConfigError(f"--sink: {error.what}", error.cure) from error
    return config


def jsonl_table(arguments: argparse.Namespace) -> dict[str, object]:
    """The keys of `[jsonl]` that `--jsonl` and `--jsonl-frames` set."""
    return {"path": arguments.jsonl, "frames": arguments.jsonl_frames}


def _common_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    flags.add_argument(
        "--debug", action="store_true", help="log everything, and show the traceback of an error"
    )
    flags.add_argument("--log-format", choices=("text", "json"), help="format of the log on stderr")
    return flags


def _model_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument(
        "--accelerator",
        choices=("auto", "cpu", "edgetpu"),
        help="auto (the default): use a Coral Edge TPU if it gives the CPU's results in less time; "
        "cpu: never use one; edgetpu: as auto, but the door is degraded without one",
    )
    return flags


def _sink_flags() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument(
        "--jsonl", metavar="FILE", help="append events as JSON lines to this file; -: write them to stdout"
    )
    flags.add_argument(
        "--jsonl-frames",
        choices=("changes", "all"),
        help="changes (the default): one line for each change; all: one line for each frame",
    )
    flags.add_argument(
        "--sink",
        action="append",
        default=[],
        choices=[kind.name for kind in kinds.KINDS if kind.switch_on is not None],
        help="also send results there, as configured or with its defaults; may be given several times",
    )
    return flags
