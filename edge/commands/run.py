"""`python -m edge run`: watch a source and decide."""

from __future__ import annotations

import argparse
import threading

from edge.commands.options import Commands, configure, jsonl_table
from edge.config.reading import Config
from edge.door import open_door, switch_on
from edge.errors import ConfigError
from edge.host.logs import thread_errors_logged
from edge.host.sdnotify import Notifier, Supervision
from edge.host.service_state import StateFile
from edge.loop import stop_on_signals
from edge.sources.base import Source


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Watch a source and decide, until stopped."
    command = commands.add("run", handle, text, commands.sinks, commands.models)
    command.add_argument(
        "--source",
        metavar="URI",
        help="demo, picamera, usb:0, rtsp://..., a video, a picture, or a folder (default: the configured one)",
    )
    command.add_argument(
        "--snapshots", metavar="DIR", help="write an annotated picture of each new decision there"
    )


def handle(arguments: argparse.Namespace) -> int:
    """The loop on any source."""
    flags = {
        "source": {"uri": arguments.source},
        "jsonl": jsonl_table(arguments),
        "snapshot": {"directory": arguments.snapshots},
    }
    config = configure(arguments, flags)
    return run_door(with_sinks(config, arguments.sink))


def with_sinks(config: Config, names: list[str]) -> Config:
    """The configuration with the sinks of `--sink` on. Raises ConfigError where two want the same pin."""
    try:
        return switch_on(config, names)
    except ValueError as error:
        raise ConfigError(f"--sink: {error}") from error


def run_door(config: Config, source: Source | None = None) -> int:
    """Open the door and run it until it ends or a signal comes. source: instead of the configured one."""
    stop = threading.Event()
    supervision = Supervision(Notifier(), StateFile.of_service())
    door = open_door(config, stop.set, source)
    with stop_on_signals(stop), thread_errors_logged():
        door.run(config.source.stale_after_s, stop, supervision)
    return 0
