"""Runs in the root: `python -m edge run --source picamera` on the real picamera2.

Its camera is lost for 30 s and comes back. Prints the log, and between its lines what was done to the camera.
"""

import os
import signal
import sys
import threading
import time

import virtual_camera
from check import draw_frames

from edge.commands.main import main

STEADY_S, GONE_S, AFTER_S = 12, 30, 15


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} -------  {words}", file=sys.stderr, flush=True)


def play() -> None:
    time.sleep(STEADY_S)
    virtual_camera.UNPLUGGED.touch()
    say("the camera is unplugged")
    time.sleep(GONE_S)
    virtual_camera.UNPLUGGED.unlink()
    say(f"{GONE_S} s later it is plugged in again")
    time.sleep(AFTER_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    draw_frames()
    virtual_camera.UNPLUGGED.unlink(missing_ok=True)
    threading.Thread(target=play, daemon=True).start()
    sys.exit(main(["run", "--source", "picamera:1"]))
