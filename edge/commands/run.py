"""`python -m edge run`: watch a source and decide."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import TYPE_CHECKING

from edge.commands.options import Commands, configure, jsonl_table, with_sinks
from edge.commands.runner import FAILED, INTERRUPTED
from edge.config.reading import Config
from edge.host.ending import Ending, StoppedError
from edge.host.logs import thread_errors_logged

if TYPE_CHECKING:
    from edge.sources.base import Source


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Watch a source and decide, until stopped."
    command = commands.add(
        "run",
        handle,
        text,
        commands.sinks,
        commands.models,
        example="python -m edge run --source usb:0 --snapshots seen",
    )
    command.add_argument(
        "--source",
        metavar="URI",
        help="demo, picamera, usb:0, rtsp://..., a video, a picture, or a folder "
        "(default: the configured source)",
    )
    command.add_argument(
        "--snapshots", metavar="DIR", help="write an annotated picture of each new decision to this folder"
    )


def handle(arguments: argparse.Namespace) -> int:
    """Decide on the configured source."""
    flags = {
        "source": {"uri": arguments.source},
        "jsonl": jsonl_table(arguments),
        "snapshot": {"directory": arguments.snapshots},
    }
    config = configure(arguments, flags)
    return run_door(with_sinks(config, arguments.sink))


def run_door(config: Config, source: Source | None = None) -> int:
    """Open the door and run it until its source ends or a signal comes.

    source: instead of the configured one.

    Returns the exit code: 1 where results that were to be stored are lost, or pictures could not be read.
    """
    stop = threading.Event()
    with Ending(stop) as ending, thread_errors_logged():
        from edge.door import open_door
        from edge.host.sdnotify import Notifier, Supervision
        from edge.host.service_state import StateFile

        supervision = Supervision(Notifier(), StateFile.of_service())
        try:
            with open_door(config, stop.set, source) as door:
                ending.opened()
                lost = door.run(config.source.stale_after_s, stop, supervision)
        except StoppedError as stopped:
            return INTERRUPTED if stopped.number is signal.SIGINT else 0
    return FAILED if lost or door.source.skipped else 0
