"""`python -m tests.fuzz`: hostile inputs for a while. Exit code 1: not all of them were read or refused.

The same seed gives the same inputs, as far as the time reaches. A crash is written to a file: put it into
tests/data/crashes/TARGET/ together with the repair, and it is tried with every run of the tests.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.runner import Outcome, fuzz_apart
from tests.fuzz.targets import targets


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all, after each other")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--out", type=Path, default=Path(), help="where crashes are written")
    parsed = parser.parse_args()
    unknown = set(parsed.targets) - set(targets())
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(targets())}")
    return parsed


def report(name: str, outcome: Outcome, out: Path) -> None:
    print(f"{name:10} {outcome.taken:8} taken {outcome.refused:8} refused", flush=True)
    if outcome.crash is not None:
        path = out / f"crash-{name}"
        path.write_bytes(outcome.crash)
        print(f"{outcome.story}\n{name}: FOUND, the input is in {path}", flush=True)


def main() -> int:
    asked = arguments()
    names = asked.targets or list(targets())
    found = 0
    for name in names:
        outcome = fuzz_apart(name, asked.seconds / len(names), asked.seed)
        report(name, outcome, asked.out)
        found += outcome.crash is not None
    print(f"{found} of {len(names)} targets did what must not be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
