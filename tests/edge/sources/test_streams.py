"""A real stream: JPEGs over HTTP, as many network cameras serve them."""

import http.server
import itertools
import threading
import time

import cv2
import numpy as np
import pytest

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import SourceError
from edge.sources.capture import Capture
from edge.sources.live import LiveFeed
from edge.sources.opencv import CameraSource
from edge.sources.opening import open_source
from edge.types import Cause
from tests.edge.sources.builders import noisy_jpeg, read_one


def red_corner() -> bytes:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32] = (0, 0, 230)  # BGR: red top left
    return cv2.imencode(".jpg", pixels)[1].tobytes()


class StreamServer:
    """Serves pictures in turns for ever; `stop` closes all connections, as a camera that is switched off."""

    def __init__(self, port: int = 0, pictures: tuple[bytes, ...] | None = None) -> None:
        """pictures: JPEGs; None: one of the test's own, red top left."""
        turns = itertools.count()
        served = pictures or (red_corner(),)
        running = self.running = threading.Event()
        running.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != "/door":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while running.is_set():
                        picture = served[next(turns) % len(served)]
                        head = (
                            f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                        )
                        self.wfile.write(head.encode() + picture + b"\r\n")
                        time.sleep(0.01)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        self.running.clear()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stream():
    server = StreamServer()
    yield server
    server.stop()


def test_a_stream_is_rgb_upright_and_no_faster_than_asked(stream):
    with CameraSource(
        f"http://127.0.0.1:{stream.port}/door", "door", SourceConfig(fps=20), CameraConfig(rotation=90)
    ) as source:
        frames = [read_one(source) for _ in range(5)]
    assert frames[0].pixels.shape == (64, 48, 3)
    red, green, _ = frames[0].pixels[4, -5]  # top left, turned clockwise, is top right
    assert red > 180
    assert green < 60
    assert frames[-1].captured_at - frames[0].captured_at >= 0.14


def test_a_picture_that_the_decoder_held_back_over_a_time_out_is_not_given_as_new(stream):
    """What OpenCV was seen to do on RTSP: grab() waits its 5 s in vain, and succeeds with an old picture."""

    class Silent:
        def grab(self):
            now[0] += 5.0
            return True

        def retrieve(self):
            return True, np.zeros((48, 64, 3), np.uint8)

        def release(self):
            pass

    now = [0.0]
    with CameraSource(f"http://127.0.0.1:{stream.port}/door", "door", clock=lambda: now[0]) as source:
        source._capture.release()
        source._capture = Capture(Silent(), "door")
        with pytest.raises(SourceError, match="door: gives no more pictures"):
            source.read(1.0)


def test_a_wrong_path_is_told_apart_from_a_missing_camera(stream):
    with pytest.raises(
        SourceError, match=r"127\.0\.0\.1 answers but gives no stream; check the path, user and password"
    ):
        open_source(SourceConfig(f"http://127.0.0.1:{stream.port}/wrong"))


def test_a_stream_that_breaks_off_is_found_again_when_it_comes_back(stream):
    url = f"http://127.0.0.1:{stream.port}/door"
    with LiveFeed(lambda: CameraSource(url, "door"), back_off=(0.05,)) as feed:
        assert read_one(feed) is not None
        stream.stop()
        deadline = time.monotonic() + 15
        while "nobody answers" not in str(feed.problem or "") and time.monotonic() < deadline:
            feed.read(0.05)
        assert "nobody answers" in str(feed.problem)
        again = StreamServer(stream.port)
        try:
            frame = None
            while frame is None and time.monotonic() < deadline:
                frame = feed.read(0.05)
            assert frame is not None
            assert (feed.problem, feed.lost) == (None, 1)
        finally:
            again.stop()


@pytest.mark.parametrize("part", [0.05, 0.35, 0.6, 0.97])
def test_a_camera_that_cuts_its_pictures_gives_none_and_says_so(part):
    whole = noisy_jpeg()
    server = StreamServer(pictures=(whole[: int(part * len(whole))],))
    try:
        with LiveFeed(lambda: CameraSource(f"http://127.0.0.1:{server.port}/door", "door")) as feed:
            deadline = time.monotonic() + 10
            while feed.problem is None and time.monotonic() < deadline:
                assert feed.read(0.05) is None
            assert feed.problem is not None
            assert feed.problem.cause is Cause.PICTURE_DAMAGED
    finally:
        server.stop()


def test_one_damaged_picture_among_good_ones_is_left_out_and_the_others_come():
    whole = noisy_jpeg()
    server = StreamServer(pictures=(*[whole] * 9, whole[: len(whole) // 2]))
    try:
        with CameraSource(f"http://127.0.0.1:{server.port}/door", "door", SourceConfig(fps=1000)) as source:
            frames = [source.read(1.0) for _ in range(50)]
            assert source.problem is None
            assert source.damaged == sum(frame is None for frame in frames)
            assert 4 <= source.damaged <= 6
    finally:
        server.stop()


def test_pictures_without_their_end_mark_are_whole():
    server = StreamServer(pictures=(noisy_jpeg()[:-2],))
    try:
        with CameraSource(f"http://127.0.0.1:{server.port}/door", "door") as source:
            assert read_one(source) is not None
            assert source.damaged == 0
    finally:
        server.stop()
