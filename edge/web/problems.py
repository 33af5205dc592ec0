"""Why a request is refused, as RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from edge.errors import MaskEdgeError

CONTENT_TYPE = "application/problem+json"


class RequestError(MaskEdgeError):
    """A request is refused.

    status: the HTTP status code. headers: of the answer, such as Retry-After.
    """

    def __init__(
        self, status: int, what: str, cure: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what, cure)
        self.status, self.headers = status, dict(headers or {})

    def body(self) -> bytes:
        """The problem details as JSON."""
        return problem_body(self.status, str(self))


def problem_body(status: int, detail: str) -> bytes:
    """Problem details without a type of their own: the title is that of the status."""
    title = HTTPStatus(status).phrase
    entry = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return json.dumps(entry, ensure_ascii=False).encode()
