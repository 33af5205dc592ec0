"""Compares what look.py printed: python compare.py HERE.json OTHER.json... The exit status is 1 where a reference result or a label differs."""

import json
import sys
from pathlib import Path

EXACT = ("pixels", "detector input", "boxes", "face scores", "crops", "labels", "mask scores")


def compare(here: dict, there: dict) -> int:
    failures = 0
    for name, expected in here["reference"].items():
        seen = there["reference"][name]
        different = [key for key in EXACT if seen[key] != expected[key]]
        failures += bool(different)
        print(f"{'FAIL' if different else 'ok  '} {name}, reference kernels: {'; '.join(seen['readable'])}", end="")
        print(f" (differs in {', '.join(different)}; here: {'; '.join(expected['readable'])})" if different else " (equal to the bit)")
        labels = here["default"][name]["labels"], there["default"][name]["labels"]
        failures += labels[0] != labels[1]
        print(f"{'ok  ' if labels[0] == labels[1] else 'FAIL'} {name}, default kernels: {'; '.join(there['default'][name]['readable'])}", end="")
        print(f" (here: {'; '.join(here['default'][name]['readable'])})")
    return failures


def main() -> int:
    here, *others = [json.loads(Path(path).read_text()) for path in sys.argv[1:]]
    print(f"here: {here['machine']}")
    failures = 0
    for there in others:
        print(there["machine"])
        failures += compare(here, there)
    print("all equal" if not failures else f"{failures} differences")
    return 1 if failures else 0


sys.exit(main())
