"""The table `[web]`: where the door's pages are served, and what they show."""

from __future__ import annotations

from dataclasses import dataclass

from edge.config.option import option
from edge.web.network import NetworkConfig

PICTURES = ("blurred", "none", "full")


@dataclass(frozen=True, slots=True)
class WebConfig(NetworkConfig):
    """The door on the network: a live page, pictures, JSON and metrics. Off until `listen` is set.

    docs/web.md tells how to set a password, and how to put it behind a proxy.
    """

    pictures: str = option(
        "blurred",
        "blurred (faces cannot be recognised), none (boxes on grey: no pixel of the camera), or full",
        choices=PICTURES,
    )
    fps: float = option(5.0, "pictures a second for each viewer, at most", 0.2, 30)
    width: int = option(640, "px: width of the pictures; a smaller camera picture stays as it is", 64, 4096)
    quality: int = option(75, "quality of the JPEGs: 1 to 100", 1, 100)
    viewers: int = option(8, "number of viewers of moving pictures at a time; more are refused", 1, 100)
