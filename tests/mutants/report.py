"""What a run of mutmut says: how many mutants were killed, which survived, and whether that is enough."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parent / "equivalent.toml"

SURVIVORS_AT_MOST = 0.05
"""Share of the mutants that are not equivalent."""

KILLED = ("killed", "timeout", "segfault")
SURVIVED = ("survived", "no tests")
"""mutmut's words. Any other word means that a mutant was not tried."""


@dataclass(frozen=True)
class Mutant:
    """One fault that mutmut made."""

    name: str
    """mutmut's name: the function and a number, which changes with the function."""
    status: str
    diff: str = ""
    """Unified; empty for a mutant that was killed."""

    def changed(self, sign: str) -> list[str]:
        """The lines that the fault takes away ("-") or puts in ("+")."""
        lines = [line for line in self.diff.splitlines() if line.startswith(sign)]
        return [line[1:].strip() for line in lines if not line.startswith(sign * 3)]


@dataclass(frozen=True)
class Equivalent:
    """A known mutant that behaves as the original does."""

    module: str
    line: str
    """The line of the module, without indentation."""
    mutant: str
    """The same line with the fault."""
    reason: str

    def matches(self, mutant: Mutant) -> bool:
        own_module = mutant.name.startswith(self.module + ".")
        return own_module and (mutant.changed("-"), mutant.changed("+")) == ([self.line], [self.mutant])


def read_equivalents(path: Path = LIST) -> list[Equivalent]:
    return [Equivalent(**entry) for entry in tomllib.loads(path.read_text())["equivalent"]]


def report(mutants: Sequence[Mutant], known: Iterable[Equivalent], say: Callable[[str], None]) -> int:
    """Say the figures and the survivors. Returns the exit code."""
    killed = [mutant for mutant in mutants if mutant.status in KILLED]
    alive = [mutant for mutant in mutants if mutant.status in SURVIVED]
    idle = [entry for entry in known if not any(entry.matches(mutant) for mutant in alive)]
    survivors = [mutant for mutant in alive if not any(entry.matches(mutant) for entry in known)]
    for mutant in survivors:
        say(mutant.diff)
    for entry in idle:
        say(f"equivalent.toml: no mutant survives as {entry.mutant!r}; take it off the list")
    tried = len(killed) + len(survivors)
    share = len(survivors) / max(tried, 1)
    say(
        f"{len(mutants)} mutants: {len(killed)} killed, {len(alive) - len(survivors)} equivalent, "
        f"{len(survivors)} of the other {tried} survived ({share:.1%}; at most {SURVIVORS_AT_MOST:.0%} may)"
    )
    left_out = len(mutants) - len(killed) - len(alive)
    if left_out:
        say(f"mutants that were not tried: {left_out}")
    return int(share > SURVIVORS_AT_MOST or bool(idle) or bool(left_out) or not mutants)
