"""A window on the desktop or on an HDMI monitor, through OpenCV."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edge.errors import MissingLibraryError, SinkError
from edge.host.children import python_command
from edge.optional import import_cv2
from edge.sinks.window.config import WindowConfig
from edge.sinks.window.signboard import draw_signboard
from edge.types import FrameResult

TITLE = "mask-edge"
QUIT_KEYS = (ord("q"), 27)
PROBE = "import cv2, sys; cv2.namedWindow('mask-edge'); print('open', flush=True); sys.stdin.read()"
"""What the child process runs: it opens a window, says so, and waits for the end of its input."""

PROBE_LIMIT_S = 10.0
"""Seconds that the child process may take."""


class WindowSink:
    """Shows every frame with its boxes and the decision.

    OpenCV takes all calls from one thread only. That is the loop's thread, also for `close`.

    on_quit: called when somebody presses q or Esc, or closes the window; it ends the program, as Ctrl-C does.
    Raises MissingLibraryError where this OpenCV has no windows, SinkError where there is no desktop.
    """

    name = "window"
    lost = 0

    def __init__(self, config: WindowConfig, on_quit: Callable[[], None]) -> None:
        self._config, self._on_quit = config, on_quit
        self._cv2: Any = import_cv2()
        _require_desktop(self._cv2)
        with _desktop_that_works():
            self._open_window()
        self._open = True

    def handle(self, result: FrameResult) -> None:
        if not self._open:
            return
        try:
            picture = draw_signboard(result, self._config.width, self._config.height)
            self._cv2.imshow(TITLE, picture[..., ::-1])
            key = self._cv2.waitKey(1) & 0xFF
            closed = self._cv2.getWindowProperty(TITLE, self._cv2.WND_PROP_VISIBLE) < 1
        except self._cv2.error:  # GTK raises this for a window that is gone
            key, closed = -1, True
        if closed or key in QUIT_KEYS:
            self.close()
            self._on_quit()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._cv2.destroyAllWindows()
            self._cv2.waitKey(1)  # lets GTK close it

    def _open_window(self) -> None:
        cv2, config = self._cv2, self._config
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(TITLE, config.width, config.height)
            if config.fullscreen:
                cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        except cv2.error as error:
            raise SinkError(f"window: cannot be opened ({error})") from error


def _require_desktop(cv2: Any) -> None:
    """Raises MissingLibraryError or SinkError for what is known without opening a window."""
    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise MissingLibraryError(
            "window: this OpenCV has no windows",
            "`sudo apt install python3-opencv`, or in an environment of your own "
            "`pip uninstall opencv-python-headless` and `pip install 'mask-edge[window]'`",
        )
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkError(
            "window: no desktop (DISPLAY is not set)",
            "start it from the desktop, or `export DISPLAY=:0` as the user who is logged in there",
        )


@contextmanager
def _desktop_that_works() -> Iterator[None]:
    """A child process opens a window first: if the desktop refuses it, Qt ends the process without raising.

    The child stays until our window is open: an X server without a desktop restarts when its last window
    goes, and would refuse ours meanwhile. Raises SinkError.
    """
    pipe = subprocess.PIPE
    child = subprocess.Popen(python_command(PROBE), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert child.stdout is not None
    time_limit = threading.Timer(PROBE_LIMIT_S, child.kill)
    time_limit.start()
    try:
        if child.stdout.readline() != "open\n":
            said = next(filter(str.strip, child.communicate()[1].splitlines()), "it does not answer")
            display = os.environ.get("DISPLAY", "")
            raise SinkError(f"window: the desktop at DISPLAY={display} cannot be used ({said})")
        yield
    finally:
        time_limit.cancel()
        child.communicate()
