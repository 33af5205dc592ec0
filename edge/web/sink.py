"""The door's results on the network: the loop hands each to the board, and a server shows the newest."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial

from edge.sinks.base import Surroundings
from edge.types import FrameResult
from edge.web.access import open_access
from edge.web.app import Requests, RouteGroup, build_app
from edge.web.board import Board, Seen
from edge.web.config import WebConfig
from edge.web.hub import Hub
from edge.web.live import LiveGroup
from edge.web.login import LoginGroup
from edge.web.metrics import door_metrics, machine_metrics
from edge.web.operation import OperationGroup
from edge.web.pictures import Painter
from edge.web.sensors import SensorCache
from edge.web.server import WebServer, tls_context
from edge.web.state import StateWriter

HANGS_AFTER_S = 90.0
"""Seconds without a result after which the door is not alive: longer than the longest `stale_after_s`."""

NOT_READY_AFTER_S = 5.0
"""Seconds without a result after which the door is not ready."""


class WebSink:
    """Serves the door at `[web] listen`. It holds up nothing: `handle` swaps one result for another.

    Raises ConfigError for a secret file or a certificate that cannot be used, MissingLibraryError without
    aiohttp, SinkError where the address cannot be taken.
    """

    name = "web"
    lost = 0

    def __init__(self, config: WebConfig, around: Surroundings) -> None:
        self._board, sensors = Board(around.door, around.counts), SensorCache()
        self._writer = StateWriter(self._board, sensors, config.pictures)
        self._painter = Painter(config.pictures, config.width, config.quality)
        self._hub = Hub(self._board, self._paint, config.fps, config.viewers)
        access = open_access(config, f"mask_edge_{around.door}")
        requests = Requests(Counter())
        self._groups: list[RouteGroup] = [
            LiveGroup(self._board, self._hub, self._writer, lambda: [group.name for group in self._groups]),
            LoginGroup(access, around.door),
            OperationGroup(
                requests,
                self._sick,
                self._not_ready,
                lambda: [*door_metrics(self._board, self._hub.viewers), *machine_metrics(sensors.read())],
            ),
        ]
        app = build_app(self._groups, access, requests)
        self.server = WebServer(app, config.address, tls_context(config.cert, config.key))
        self.server.start()

    def handle(self, result: FrameResult) -> None:
        changed = self._board.add(result)
        if self._hub.viewers:
            self.server.call(partial(self._hub.wake, changed))

    def close(self) -> None:
        self.server.stop()

    def _paint(self, seen: Seen) -> tuple[bytes, str]:
        """The picture and the JSON of one result, for all viewers."""
        state = self._writer.state(seen, self._hub.viewers)
        return self._painter.paint(seen.result), json.dumps(state, ensure_ascii=False)

    def _sick(self) -> str:
        return "the door gives no results" if self._board.age_s > HANGS_AFTER_S else ""

    def _not_ready(self) -> str:
        seen = self._board.seen
        if seen is None or self._board.age_s > NOT_READY_AFTER_S:
            return "no result yet" if seen is None else "the door gives no results"
        return "" if seen.result.frame is not None else seen.result.decision.reason
