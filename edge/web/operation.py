"""Routes for those who run the door: is it alive, is it ready, how does it do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from edge.web.access import Caller
from edge.web.answers import json_answer, text_answer
from edge.web.app import Requests, Route
from edge.web.metrics import CONTENT_TYPE, Metric, as_text, request_metrics

if TYPE_CHECKING:
    from aiohttp import web

PROGRAM = "mask-edge"
"""In the answer of `/healthz`: so the doctor knows that the port is ours."""


class OperationGroup:
    """`/healthz`, `/readyz` and `/metrics`.

    sick, not_ready: return a few words on what is wrong, or an empty text. metrics: those of the service; the
    counts of the requests come behind them.
    """

    name = "operation"

    def __init__(
        self,
        requests: Requests,
        sick: Callable[[], str],
        not_ready: Callable[[], str],
        metrics: Callable[[], Iterable[Metric]],
    ) -> None:
        self._requests, self._sick, self._not_ready, self._metrics = requests, sick, not_ready, metrics
        self._stopping = False

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/healthz", self._healthz, needs=None, any_host=True),
            Route("GET", "/readyz", self._readyz, needs=None, any_host=True),
            Route("GET", "/metrics", self._metrics_page),
        )

    async def start(self) -> None:
        """Nothing is to be opened."""

    async def stop(self) -> None:
        self._stopping = True

    async def _healthz(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _verdict(self._sick())

    async def _readyz(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return _verdict("stopping" if self._stopping else self._not_ready())

    async def _metrics_page(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        return text_answer(as_text(chain(self._metrics(), request_metrics(self._requests))), CONTENT_TYPE)


def _verdict(wrong: str) -> web.Response:
    entry = {"program": PROGRAM, "status": wrong or "ok"}
    return json_answer(entry, 503 if wrong else 200)
