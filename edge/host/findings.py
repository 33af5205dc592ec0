"""What a check of the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.errors import MaskEdgeError


class Status(StrEnum):
    """Only `FAIL` makes the doctor exit with 1."""

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
    """What to type or do next; empty if nothing."""


def ok(detail: str) -> Finding:
    """Fine, or not needed here."""
    return Finding(Status.OK, detail)


def warn(detail: str, next_step: str) -> Finding:
    """It works, but not as well as it should."""
    return Finding(Status.WARN, detail, next_step)


def fail(detail: str, next_step: str) -> Finding:
    """The door cannot do its work."""
    return Finding(Status.FAIL, detail, next_step)


def fail_for(error: MaskEdgeError) -> Finding:
    """An error as a finding."""
    return fail(error.what, error.cure or "put that right, then `python -m edge doctor` again")
