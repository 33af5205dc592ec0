"""Annotated pictures of each new decision. Off by default; faces are blurred by default."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge.config.option import option
from edge.errors import SinkError
from edge.pictures.annotate import annotate
from edge.pictures.files import write_new_picture
from edge.pictures.jpeg import read_note
from edge.pictures.privacy import blurred_picture
from edge.sinks.base import BackgroundSink, Sink, SinkKind, Surroundings
from edge.types import FrameResult, Pixels, State, TrackStatus

log = logging.getLogger(__name__)

OWN_NAME = re.compile(r"\d{8}T\d{6}_\d{6}_(pass|deny|uncertain)(_\d+)?\.jpg")
OWN_NOTE = re.compile(r"mask-edge snapshot (\d+)")
"""What a snapshot carries as a comment, with its number: pictures are counted and removed in that order.

Names and the times of files follow the clock, which jumps on a Pi.
"""

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
    """Writes `TIME_STATE.jpg` into a folder when the decision changes to pass, deny or uncertain.

    It keeps the newest `keep` of those that this sink wrote, in this run and earlier ones; no other file is
    ever removed or written over.
    """

    name = "snapshot"
    lost = 0

    def __init__(self, config: SnapshotConfig) -> None:
        """Raises SinkError where the folder cannot be made."""
        directory = Path(config.directory)
        self.lost = 0
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
        pixels = blurred_picture(result) if self._blur else result.frame.pixels
        assert pixels is not None
        faces = [(t.box, t.label, t.confidence) for t in result.tracks if t.status is not TrackStatus.LOST]
        try:
            self._write(annotate(pixels, faces), state)
        except (SinkError, OSError) as error:
            self._note_loss(error)

    def close(self) -> None:
        """Nothing is held open."""

    def _write(self, pixels: Pixels, state: State) -> None:
        """Make room first: on a full card nothing could be written before."""
        kept = self._own()
        for _, old in kept[: max(0, len(kept) - self._keep + 1)]:
            old.unlink(missing_ok=True)
        number = kept[-1][0] + 1 if kept else 1
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S_%f")
        path = self._directory / f"{stamp}_{state}.jpg"
        write_new_picture(path, pixels, f"mask-edge snapshot {number}")

    def _own(self) -> list[tuple[int, Path]]:
        """The number and path of each snapshot in the folder, in the order of writing."""
        names = [path for path in self._directory.iterdir() if OWN_NAME.fullmatch(path.name)]
        return sorted((number, path) for path in names if (number := _number(path)) is not None)

    def _note_loss(self, error: Exception) -> None:
        """Say the 1st, 2nd, 4th, 8th ... lost picture: the log must not fill what the disk has left."""
        self.lost += 1
        if self.lost & (self.lost - 1) == 0:
            log.error("snapshot: %s; %d lost so far, the door goes on", error, self.lost)


def _number(path: Path) -> int | None:
    """The number that a snapshot carries; None for a file that this sink did not write."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            note = OWN_NOTE.fullmatch(read_note(file.read(64)))
    except OSError:
        return None
    return int(note[1]) if note else None


def _is_on(config: SnapshotConfig) -> bool:
    return bool(config.directory)


def _build(config: SnapshotConfig, door: Surroundings) -> Sink:
    return BackgroundSink(SnapshotSink(config)) if door.live else SnapshotSink(config)


def _switch_on(config: SnapshotConfig) -> SnapshotConfig:
    if config.directory:
        return config
    log.info("snapshot: no folder is configured; taking %s", DEFAULT_FOLDER)
    return replace(config, directory=DEFAULT_FOLDER)


def _blurs(config: SnapshotConfig) -> bool:
    return config.blur


KIND = SinkKind("snapshot", SnapshotConfig, _is_on, _build, _switch_on, must_open=True, blurs=_blurs)
