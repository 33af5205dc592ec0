"""What a reader leaves out: counted by cause, and said."""

from __future__ import annotations

import sys
from collections import Counter


class Dropped:
    """Counts what is left out, by cause, and keeps the first place of each cause."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Cause -> number."""
        self._first: dict[str, str] = {}

    def add(self, cause: str, where: str) -> None:
        """Count one. cause: words for a person. where: line or entry, in words."""
        self.counts[cause] += 1
        self._first.setdefault(cause, where)

    def __str__(self) -> str:
        """All causes with their numbers, in one line; empty if nothing is left out."""
        return "; ".join(
            f"{count} {cause} (the first: {self._first[cause]})" for cause, count in self.counts.most_common()
        )

    def report(self, what: object) -> None:
        """Say on stderr what is left out of a file or folder, in one line; nothing if nothing is."""
        if self.counts:
            print(f"{what}: left out: {self}", file=sys.stderr)
