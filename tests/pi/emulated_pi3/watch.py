"""Reads the emulated chip's registers while the guest works, prints a timeline, and checks it.

Usage: watch.py MONITOR CONSOLE TIMELINE.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from pathlib import Path
from typing import TextIO

GPIO_BASE, GPLEV0_WORD = 0x3F200000, 13
PINS = {
    4: "led",
    17: "red",
    27: "amber",
    22: "green",
    5: "rgb red",
    6: "rgb green",
    13: "rgb blue",
    16: "buzzer",
    26: "relay",
}
ACTIVE_LOW = {26}
LIMIT_S = 2400

Change = tuple[float, str, bool]


class Monitor:
    """qemu's human monitor, on a socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 30
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        self._socket.settimeout(20)
        self._answer()

    def registers(self) -> list[int]:
        """GPFSEL0 up to GPLEV0: 14 words."""
        self._socket.sendall(f"xp /{GPLEV0_WORD + 1}wx {GPIO_BASE:#x}\n".encode())
        words = re.findall(r"^[0-9a-f]{8,}: (.*)$", self._answer(), re.MULTILINE)
        return [int(word, 16) for line in words for word in line.split()]

    def _answer(self) -> str:
        text = b""
        while not text.endswith(b"(qemu) "):
            part = self._socket.recv(4096)
            if not part:
                raise ConnectionError("qemu has ended")
            text += part
        return text.decode(errors="replace").replace("\r", "")


def is_on(registers: list[int], pin: int) -> bool:
    """Driven as an output (function 1), at the level at which what hangs on it is on."""
    function = registers[pin // 10] >> (3 * (pin % 10)) & 7
    level = registers[GPLEV0_WORD] >> pin & 1
    return function == 1 and level == (pin not in ACTIVE_LOW)


def watch(monitor: Monitor, console: Path, timeline: Path) -> tuple[dict[str, list[Change]], str]:
    """mark -> what went on or off after it, and all that the guest printed."""
    began, seen, mark = time.monotonic(), 0, "boot"
    on = dict.fromkeys(PINS, False)
    changes: dict[str, list[Change]] = {mark: []}
    text, count = "", dict.fromkeys(PINS, 0)
    with timeline.open("w") as out:
        while "MARK END" not in text and time.monotonic() - began < LIMIT_S:
            try:
                registers = monitor.registers()
            except OSError:
                break
            at = time.monotonic() - began
            text = console.read_text(errors="replace").replace("\r", "") if console.exists() else ""
            for line in text[seen : text.rfind("\n") + 1].splitlines():
                say(f"{at:7.1f} s  | {line}", out, sys.stdout)
                count = dict.fromkeys(PINS, 0)
                if line.startswith("MARK "):
                    mark = line.removeprefix("MARK ").strip()
                    changes[mark] = []
            seen = text.rfind("\n") + 1
            for pin, name in PINS.items():
                if is_on(registers, pin) != on[pin]:
                    on[pin] = not on[pin]
                    changes[mark].append((at, name, on[pin]))
                    level = f"{'on' if on[pin] else 'off'}   (GPLEV0 {registers[GPLEV0_WORD]:#010x})"
                    line = f"{at:7.1f} s  GPIO {pin:2} {name}: {level}"
                    count[pin] += 1
                    say(
                        line, out, *[sys.stdout] * (count[pin] < 5)
                    )  # blinking goes on and on: the file has all of it
            time.sleep(0.02)
    return changes, text


def say(line: str, *files: TextIO) -> None:
    for file in files:
        print(line, file=file, flush=True)


def went_on(changes: list[Change], name: str) -> list[float]:
    return [at for at, changed, on in changes if changed == name and on]


def left_on(changes: dict[str, list[Change]], until: str) -> set[str]:
    """What is on at the end of a part."""
    on: set[str] = set()
    for mark, part in changes.items():
        for _, name, state in part:
            (on.add if state else on.discard)(name)
        if mark == until:
            break
    return on


def lasted(changes: list[Change], name: str) -> float:
    """Seconds from the first time it went on until it went off; infinite if it stays on, 0 if never on."""
    rises = went_on(changes, name)
    falls = [at for at, changed, on in changes if changed == name and not on and rises and at > rises[0]]
    return 0.0 if not rises else falls[0] - rises[0] if falls else float("inf")


def checks(changes: dict[str, list[Change]], text: str) -> list[tuple[str, bool]]:
    """What must have been seen."""
    test, demo, hang, crash, off = (
        changes.get(mark, []) for mark in ("gpio-test", "demo", "hang", "crash", "off")
    )
    firsts = list(dict.fromkeys(name for _, name, on in test if on))
    green, relay = went_on(demo, "green"), went_on(demo, "relay")
    return [
        ("gpio-test lights every pin, in the order of its lines", firsts == list(PINS.values())),
        ("gpio-test leaves nothing on", not left_on(changes, "gpio-test")),
        ("demo: red blinks while nobody wears a mask", len(went_on(demo, "red")) >= 3),
        (
            "demo: then green, and the relay within a second of it",
            bool(green and relay) and abs(green[0] - relay[0]) < 1,
        ),
        (
            "demo: the relay opens after 5 s (3.5 to 7), though green stays on",
            3.5 < lasted(demo, "relay") < 7 and lasted(demo, "green") > lasted(demo, "relay"),
        ),
        ("demo: the relay closes once, and does not flash when it is opened", len(relay) == 1),
        ("demo leaves nothing on", not left_on(changes, "demo")),
        ("hang: the relay opens by itself within 8 to 14 s", 7.5 < lasted(hang, "relay") < 14),
        ("hang: amber takes the place of green", bool(went_on(hang, "amber")) and lasted(hang, "green") < 14),
        (
            "crash: the relay and green were on",
            {"relay", "green"} <= left_on(changes, "crash") and bool(went_on(crash, "relay")),
        ),
        (
            "gpio-test --off: nothing is on after a kill -9",
            bool("MARK off" in text) and not left_on(changes, "off") and not went_on(off, "relay"),
        ),
        ("every command ended with status 0", text.count("exit status 0") == 3),
    ]


def main() -> int:
    monitor, console, timeline = sys.argv[1:]
    changes, text = watch(Monitor(monitor), Path(console), Path(timeline))
    results = checks(changes, text)
    for words, good in results:
        print("ok    " if good else "FAILED", words)
    killed = changes.get("killed", [])
    print(
        "after kill -9, before gpio-test --off:",
        ", ".join(f"{name} {'on' if on else 'off'}" for _, name, on in killed) or "nothing changed",
    )
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
