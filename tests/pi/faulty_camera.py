"""A network camera that can be told to fail: the built-in scene as MJPEG over HTTP on this machine."""

from __future__ import annotations

import time
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from edge.pictures.files import encode_picture
from edge.sources.demo import RATE, DemoSource

SCENE_S = 18
"""Seconds after which the scene begins again."""


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


class FaultyCamera:
    """Serves `uri` until it is closed."""

    mood = Mood.WHOLE

    def __init__(self) -> None:
        scene = DemoSource(SCENE_S)
        self._frames = [
            encode_picture(Path("frame.jpg"), frame.pixels) for frame in iter(lambda: scene.read(1), None)
        ]
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
        data = self._frames[int(time.monotonic() * RATE) % len(self._frames)]
        if self.mood is Mood.CUT:
            data = data[: len(data) // 3]
        if self.mood is Mood.LYING:
            data = b"<html>please log in</html>"
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data + b"\r\n"

    def close(self) -> None:
        self.mood = Mood.GONE
        self._server.shutdown()
        self._server.server_close()
