"""What every source is."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from edge.types import Frame


class Source(Protocol):
    """Gives frames, one after the other.

    name: for people and logs. live: frames come in real time and may be dropped; otherwise none is skipped and `captured_at` counts the
    source's own seconds from 0, so that a run is reproducible. finished: no frame will ever come again.
    """

    name: str
    live: bool

    @property
    def finished(self) -> bool: ...

    def read(self, timeout: float) -> Frame | None:
        """The next frame, or None after `timeout` seconds without one, or when finished. Raises SourceError where the source is lost."""

    def close(self) -> None:
        """Give everything back; may be called twice."""


class ContextMixin:
    """Makes a source a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back; may be called twice."""
