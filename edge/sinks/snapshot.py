"""Annotated pictures of each new decision. Off unless asked for, faces blurred unless asked otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edge.errors import SinkError
from edge.pictures.annotate import annotate, blur_faces
from edge.pictures.files import write_picture
from edge.types import FrameResult, State, TrackStatus


class SnapshotSink:
    """Writes `TIME_STATE.jpg` into a folder when the decision changes to pass, deny or uncertain; keeps the newest `keep`.

    Raises SinkError where the folder cannot be made or written.
    """

    name = "snapshot"

    def __init__(self, directory: Path, keep: int = 200, blur: bool = True) -> None:
        self._directory, self._keep, self._blur = directory, keep, blur
        self._last: State | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(
                f"{directory}: cannot be made ({error.strerror}); choose another folder for snapshots"
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
