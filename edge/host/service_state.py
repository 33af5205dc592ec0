"""What the running service tells of itself, in a JSON file below /run that the doctor reads."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.types import Cause, FrameResult, State

log = logging.getLogger(__name__)

FILE = Path("run/mask-edge/state.json")
"""Below the root. systemd makes the folder for the service (RuntimeDirectory), and removes it at its end."""

EVERYONE_READS = 0o644
"""The file's mode, whatever the unit's UMask is: `systemctl status` shows the same to every user."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The door's latest decision, and how it works."""

    state: State
    cause: Cause
    reason: str
    """The cause in a few words for a person."""
    fps: float | None = None
    """Frames a second; None before it was measured."""
    degraded: str | None = None
    """What does not work as it should while the decisions go on."""

    @property
    def good_frames(self) -> bool:
        """Whether there are frames that can be trusted.

        Only an `uncertain` that is about a face means that there are; any other is a fault.
        """
        return self.state is not State.UNCERTAIN or self.cause is Cause.LOOKING

    def line(self) -> str:
        """The state in one line, for `systemctl status`."""
        rate = "" if self.fps is None else f"; {self.fps:.1f} fps"
        fault = f"; DEGRADED: {self.degraded}" if self.degraded else ""
        return f"{self.state.upper()}: {self.reason}{rate}{fault}"


def service_state(result: FrameResult, fps: float | None) -> ServiceState:
    """The state after one result. fps: frames a second; None before it was measured."""
    decision = result.decision
    return ServiceState(decision.state, decision.cause, decision.reason, fps, result.degraded)


class StateFile:
    """Writes the state to a folder. A state that cannot be written is dropped: the door goes on."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE.name

    @classmethod
    def of_service(cls, environment: Mapping[str, str] = os.environ) -> StateFile | None:
        """The file in the folder that systemd made for the service (RUNTIME_DIRECTORY); None elsewhere."""
        folder = environment.get("RUNTIME_DIRECTORY", "")
        return cls(Path(folder)) if folder.startswith("/") else None

    def write(self, state: ServiceState) -> None:
        """Replace the file as a whole: a reader never sees a part of it. Every user may read it."""
        part = self._path.with_suffix(".part")
        try:
            part.write_text(json.dumps(asdict(state)), encoding="utf-8")
            part.chmod(EVERYONE_READS)
            part.replace(self._path)
        except OSError as error:
            log.debug("%s: cannot be written (%s)", self._path, error)


def read_state(root: Path) -> ServiceState | None:
    """What the running service wrote last; None without a file that can be read."""
    try:
        return _parse(json.loads((root / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _parse(data: Mapping[str, Any]) -> ServiceState:
    fps, degraded = data["fps"], data["degraded"]
    return ServiceState(
        State(data["state"]),
        Cause(data["cause"]),
        str(data["reason"]),
        None if fps is None else float(fps),
        None if degraded is None else str(degraded),
    )
