"""Annotated pictures of each new decision. Off by default; faces are blurred by default."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge.config.option import option
from edge.errors import SinkError
from edge.pictures.annotate import annotate, blur_faces
from edge.pictures.files import write_picture
from edge.sinks.base import BackgroundSink, Sink, SinkKind, Surroundings
from edge.types import FrameResult, State, TrackStatus

log = logging.getLogger(__name__)

DEFAULT_FOLDER = "snapshots"
"""Where `--sink snapshot` writes to if no folder is configured."""


@dataclass(frozen=True, slots=True)
class SnapshotConfig:
    """Annotated pictures of each new decision.

    Off by default: no picture leaves memory unless you ask for it.
    """

    directory: str = option("", "folder that pictures are written to; empty: off")
    keep: int = option(200, "number of pictures to keep, at most; the oldest ones are removed", 1)
    blur: bool = option(True, "true: make faces unrecognisable before a picture is stored")


class SnapshotSink:
    """Writes `TIME_STATE.jpg` to a folder when the state changes to pass, deny or uncertain.

    Only the newest `keep` pictures stay.
    Raises SinkError where the folder cannot be made.
    """

    name = "snapshot"

    def __init__(self, config: SnapshotConfig) -> None:
        directory = Path(config.directory)
        self._directory, self._keep, self._blur = directory, config.keep, config.blur
        self._last: State | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(
                f"{directory}: cannot be made ({error.strerror})", "choose another folder for snapshots"
            ) from error

    def handle(self, result: FrameResult) -> None:
        state, changed = result.decision.state, result.decision.state is not self._last
        self._last = state
        if not changed or state is State.IDLE or result.frame is None:
            return
        boxes = [track.box for track in result.tracks]
        pixels = blur_faces(result.frame.pixels, boxes) if self._blur else result.frame.pixels
        faces = [(t.box, t.label, t.confidence) for t in result.tracks if t.status is not TrackStatus.LOST]
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S_%f")
        write_picture(self._directory / f"{stamp}_{state}.jpg", annotate(pixels, faces))
        self._prune()

    def close(self) -> None:
        """Nothing is held open."""

    def _prune(self) -> None:
        for old in sorted(self._directory.glob("*_*_*.jpg"))[: -self._keep]:
            old.unlink(missing_ok=True)


def _is_on(config: SnapshotConfig) -> bool:
    return bool(config.directory)


def _build(config: SnapshotConfig, door: Surroundings) -> Sink:
    return BackgroundSink(SnapshotSink(config)) if door.live else SnapshotSink(config)


def _switch_on(config: SnapshotConfig) -> SnapshotConfig:
    if config.directory:
        return config
    log.info("snapshot: no folder is configured; taking %s", DEFAULT_FOLDER)
    return replace(config, directory=DEFAULT_FOLDER)


KIND = SinkKind("snapshot", SnapshotConfig, _is_on, _build, _switch_on, must_open=True)
