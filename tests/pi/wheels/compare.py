"""Compares what look.py printed. Usage: python compare.py HERE.json OTHER.json...

The exit status is 1 where something differs that must not. With the reference kernels everything must be
equal to the bit, except boxes and face scores: numpy computes these in float32 with each processor's own
exp(), so they may differ by 1e-3 px and 1e-6. With the default kernels the labels must be equal, face by
face from left to right (best first would be another order where two faces score nearly the same).
"""

import json
import sys
from pathlib import Path

import numpy as np

EXACT = ("pixels", "detector input", "detector outputs", "crops", "labels", "mask scores")
NEARLY = {"boxes": 1e-3, "face scores": 1e-6}


def differences(expected: dict, seen: dict) -> list[str]:
    different = [key for key in EXACT if seen[key] != expected[key]]
    for key, tolerance in NEARLY.items():
        if np.shape(seen[key]) != np.shape(expected[key]) or not np.allclose(
            seen[key], expected[key], rtol=0, atol=tolerance
        ):
            different.append(key)
    return different


def from_left(seen: dict) -> list[str]:
    return [label for _, label in sorted(zip(seen["boxes"], seen["labels"], strict=True))]


def compare(here: dict, there: dict) -> int:
    failures = 0
    for name, expected in here["reference"].items():
        seen = there["reference"][name]
        different = differences(expected, seen)
        failures += bool(different)
        print(
            f"{'FAIL' if different else 'ok  '} {name}, reference kernels: {'; '.join(seen['readable'])}",
            end="",
        )
        if different:
            print(f" (differs in {', '.join(different)}; here: {'; '.join(expected['readable'])})")
        else:
            apart = np.abs(np.subtract(seen["boxes"], expected["boxes"])).max(initial=0.0)
            print(f" (int8 outputs and mask scores equal to the bit, boxes to {apart:.1g} px)")
        labels = from_left(here["default"][name]), from_left(there["default"][name])
        failures += labels[0] != labels[1]
        verdict = "ok  " if labels[0] == labels[1] else "FAIL"
        print(f"{verdict} {name}, default kernels: {'; '.join(there['default'][name]['readable'])}", end="")
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
