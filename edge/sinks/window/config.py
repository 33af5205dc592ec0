"""The table `[window]`: whether it opens, and how large."""

from __future__ import annotations

from dataclasses import dataclass

from edge.config.option import option


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """A window on the desktop or an HDMI monitor. q, Esc or closing it ends the program."""

    show: bool = option(False, "true: open it, as --sink window does")
    fullscreen: bool = option(False, "true: cover the whole monitor")
    width: int = option(1280, "px: width of the picture, which the window then scales", 320, 16384)
    height: int = option(720, "px: height of the picture", 240, 16384)
