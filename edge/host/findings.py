"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.errors import MaskEdgeError

AGAIN = "put that right, then `python -m edge doctor` again"
"""What to do next about an error that has no cure of its own."""


class Status(StrEnum):
    """How good a finding is. Only `FAIL` gives the doctor the exit code 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    status: Status
    detail: str
    """What was found."""
    next: str = ""
    """What to type or do next; empty if there is nothing to do."""


def ok(detail: str) -> Finding:
    """It works, or it is not needed here."""
    return Finding(Status.OK, detail)


def warn(detail: str, next_step: str) -> Finding:
    """It works, but not as well as it should."""
    return Finding(Status.WARN, detail, next_step)


def fail(detail: str, next_step: str) -> Finding:
    """The door cannot do its work."""
    return Finding(Status.FAIL, detail, next_step)


def fail_for(error: MaskEdgeError) -> Finding:
    """A failure with the words of an error."""
    return fail(error.what, error.cure or AGAIN)
