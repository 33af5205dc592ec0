"""The window as a kind of sink: how it is switched on and opened."""

from __future__ import annotations

from dataclasses import replace

from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.sinks.window.config import WindowConfig


def _is_on(config: WindowConfig) -> bool:
    return config.show


def _build(config: WindowConfig, door: Surroundings) -> Sink:
    """It has no thread of its own, and is not opened again: OpenCV's windows belong to the loop's thread."""
    from edge.sinks.window.sink import WindowSink

    return WindowSink(config, door.quit)


def _switch_on(config: WindowConfig) -> WindowConfig:
    return replace(config, show=True)


KIND = SinkKind("window", WindowConfig, _is_on, _build, _switch_on)
