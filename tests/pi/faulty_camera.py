"""A network camera that can be told to fail: somebody of the built-in scene as MJPEG over HTTP."""

from __future__ import annotations

import time
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np

from edge.pictures.files import encode_picture
from edge.preprocess import resize
from edge.sources.demo import RATE, DemoSource
from edge.types import Pixels

BEGIN_S, END_S = 2.0, 8.5
"""The part of the scene that is shown again and again: somebody bare for 3 s, then masked for 3.5 s."""

MASKED_S = 7.0
"""When the picture is taken with which the camera freezes: what a door must not trust for long."""


class Mood(Enum):
    """What the camera does at the moment."""

    WHOLE = auto()
    """It sends whole frames."""
    STALLED = auto()
    """Its connection stays open, and nothing comes."""
    CUT = auto()
    """Of each JPEG it sends the first third."""
    LYING = auto()
    """It sends text where a JPEG should be."""
    GONE = auto()
    """It closes its connections, and takes no others."""
    BLACK = auto()
    """Its lens is covered."""
    FROZEN = auto()
    """It sends one picture again and again, of somebody masked."""
    TINY = auto()
    """Its pictures have 16x12 px."""
    HUGE = auto()
    """Its pictures have 12 megapixels, of the same scene."""


class FaultyCamera:
    """Serves `uri` until it is closed."""

    mood = Mood.WHOLE

    def __init__(self) -> None:
        scene = DemoSource(END_S)
        frames = [frame.pixels for frame in iter(lambda: scene.read(1), None)]
        shown = frames[round(BEGIN_S * RATE) :]
        self._frames = [_jpeg(pixels) for pixels in shown]
        self._tiny = [_jpeg(resize(pixels, 16, 12)) for pixels in shown]
        self._huge = [_jpeg(resize(pixels, 4000, 3000)) for pixels in shown[::5]]
        self._black = _jpeg(np.zeros_like(shown[0]))
        self._still = _jpeg(frames[round(MASKED_S * RATE)])
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.serve(self)

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}/stream.mjpg"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, to: BaseHTTPRequestHandler) -> None:
        """One connection, until the camera is gone or nobody reads any more."""
        if self.mood is Mood.GONE:
            return
        to.send_response(200)
        to.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        to.end_headers()
        try:
            while self.mood is not Mood.GONE:
                if self.mood is not Mood.STALLED:
                    to.wfile.write(self._part())
                time.sleep(1 / RATE)
        except OSError:
            pass

    def _part(self) -> bytes:
        data = self._picture()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data + b"\r\n"

    def _picture(self) -> bytes:
        at = int(time.monotonic() * RATE) % len(self._frames)
        whole = self._frames[at]
        match self.mood:
            case Mood.CUT:
                return whole[: len(whole) // 3]
            case Mood.LYING:
                return b"<html>please log in</html>"
            case Mood.BLACK:
                return self._black
            case Mood.FROZEN:
                return self._still
            case Mood.TINY:
                return self._tiny[at]
            case Mood.HUGE:
                return self._huge[at // 5]
            case _:
                return whole

    def close(self) -> None:
        self.mood = Mood.GONE
        self._server.shutdown()
        self._server.server_close()


def _jpeg(pixels: Pixels) -> bytes:
    return encode_picture(Path("frame.jpg"), pixels)
