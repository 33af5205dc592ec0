"""`python -m edge demo`: run the built-in scene; write decisions to the log and a picture of each."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from edge.commands.options import Commands, configure, jsonl_table, with_sinks
from edge.commands.run import run_door
from edge.errors import printable
from edge.sinks import snapshot


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Run on the built-in scene; no camera is needed."
    command = commands.add(
        "demo", handle, text, commands.sinks, commands.models, example="python -m edge demo --out pictures"
    )
    command.add_argument(
        "--seconds", type=float, default=18.0, help="seconds of the scene to run (default: %(default)s)"
    )
    command.add_argument(
        "--out",
        default="demo-output",
        metavar="DIR",
        help="folder for annotated pictures (default: %(default)s)",
    )


def handle(arguments: argparse.Namespace) -> int:
    """Run the scene: as fast as possible, or with `--sink` in real time, to watch a lamp or a screen."""
    from edge.sources.demo import DemoSource

    out = Path(arguments.out)
    config = with_sinks(configure(arguments, {"jsonl": jsonl_table(arguments)}), arguments.sink)
    pictures = replace(config.of(snapshot.KIND), directory=str(out), keep=sys.maxsize, blur=False)
    source = DemoSource(arguments.seconds, realtime=bool(arguments.sink))
    code = run_door(config.having(snapshot.KIND, pictures), source)
    print(f"annotated pictures: {printable(out)}", file=sys.stderr)
    return code
