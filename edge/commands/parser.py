"""The parser with every command; each command's file adds its own flags."""

from __future__ import annotations

import argparse

from edge import __version__
from edge.commands import bench, config, demo, doctor, gpio_test, image, run, web
from edge.commands.options import Commands

COMMANDS = (run, demo, image, bench, doctor, gpio_test, config, web)
"""In the order of `--help`."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m edge`.

    The arguments that it returns have a `handler`, which takes them and returns the exit code.
    """
    parser = argparse.ArgumentParser(prog="mask-edge", description="A face-mask detector for a door.")
    parser.add_argument("--version", action="version", version=f"mask-edge {__version__}")
    commands = Commands(parser)
    for command in COMMANDS:
        command.add_to(commands)
    return parser
