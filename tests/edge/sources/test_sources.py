"""The contract that every source must pass, and what is particular to each."""

import http.server
import math
import re
import struct
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import CameraHangsError, MissingLibraryError, SourceError
from edge.pictures.files import write_picture
from edge.sources import open_source, without_password
from edge.sources.base import CameraSettings
from edge.sources.demo import SCENE, DemoSource, act
from edge.sources.images import FRAMES_A_PICTURE, PictureSource, list_pictures
from edge.sources.live import LiveFeed
from edge.sources.opencv import CameraSource, VideoFileSource
from edge.sources.picamera import PiCameraSource
from edge.sources.v4l2 import check_device, explain, list_usb_cameras
from edge.types import Frame
from tests import fake_picamera2
from tests.builders import make_frame


def write_video(path: Path, frames: int = 12, rate: int = 10) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    assert writer.isOpened()
    for i in range(frames):
        writer.write(np.full((48, 64, 3), (i * 10, 0, 255 - i * 10), np.uint8))  # BGR: reddish
    writer.release()
    return path


def write_pictures(folder: Path, count: int = 3) -> Path:
    for i in range(count):
        write_picture(folder / f"{i}.png", np.full((20, 30, 3), (200, i, 0), np.uint8))
    return folder


class FakeCamera:
    """A live source that gives frames, and can be lost."""

    name, live = "fake", True

    def __init__(self, frames: int = 10**9, pause: float = 0.005) -> None:
        self.frames, self.pause, self.index, self.closed = frames, pause, 0, False

    @property
    def finished(self) -> bool:
        return False

    def read(self, timeout: float) -> Frame | None:
        time.sleep(self.pause)
        if self.index >= self.frames:
            raise SourceError("fake: unplugged")
        self.index += 1
        return make_frame(index=self.index, at=time.monotonic())

    def close(self) -> None:
        self.closed = True


@pytest.fixture(
    params=["demo", "demo live", "picture", "folder", "video", "feed", "picamera", "picamera feed"]
)
def source(request, tmp_path, monkeypatch):
    fake_picamera2.install(monkeypatch, fake_picamera2.Device(np.full((48, 64, 3), (200, 0, 0), np.uint8)))
    makers = {
        "demo": lambda: DemoSource(0.5),
        "demo live": lambda: DemoSource(0.3, realtime=True),
        "picture": lambda: open_source(str(next(write_pictures(tmp_path, 1).iterdir()))),
        "folder": lambda: open_source(str(write_pictures(tmp_path))),
        "video": lambda: open_source(str(write_video(tmp_path / "a.avi"))),
        "feed": lambda: LiveFeed(lambda: DemoSource(0.3, realtime=True)),
        "picamera": lambda: PiCameraSource(0, CameraSettings(64, 48, 100)),
        "picamera feed": lambda: open_source("picamera:0", CameraSettings(64, 48, 100)),
    }
    made = makers[request.param]()
    yield made
    made.close()


def test_contract(source):
    """Frames are RGB uint8, count up, carry rising times and the source's name; after the last one `finished` is true and read gives None.

    A camera has no last one: it is closed after some.
    """
    frames = []
    deadline = time.monotonic() + 10
    while not source.finished and time.monotonic() < deadline:
        frame = source.read(0.2)
        if frame is not None:
            frames.append(frame)
        if len(frames) == 40:
            source.close()
    assert frames, "no frame at all"
    assert source.finished
    assert source.read(0.01) is None
    for frame in frames:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.ndim == 3
        assert frame.pixels.shape[2] == 3
        assert frame.source == source.name
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    assert [f.captured_at for f in frames] == sorted(f.captured_at for f in frames)
    if not source.live:
        assert frames[0].captured_at == 0.0
        assert [f.index for f in frames] == list(range(len(frames)))


def test_close_is_idempotent_and_ends_the_source(source):
    source.close()
    source.close()
    assert source.finished


def test_colours_are_rgb(tmp_path):
    for path in (write_pictures(tmp_path / "p", 1), write_video(tmp_path / "a.avi")):
        with open_source(str(path)) as source:
            red, _, blue = source.read(1).pixels.reshape(-1, 3).mean(axis=0)
        assert red > 150
        assert blue < 60


# --- addresses


@pytest.mark.parametrize("uri", ["/nowhere/at/all.mp4", "nonsense", "usb:"])
def test_a_source_that_does_not_exist_names_the_forms(uri):
    with pytest.raises(SourceError, match=r"no such source; use demo, picamera, usb:0"):
        open_source(uri)


def test_an_absent_camera_names_the_devices_that_are_there():
    with pytest.raises(SourceError, match=r"no device /dev/video98"):
        open_source("usb:98")


def test_a_forbidden_camera_names_the_group(tmp_path, monkeypatch):
    (tmp_path / "video0").write_text("")
    monkeypatch.setattr("edge.sources.v4l2.os.access", lambda *_: False)
    with pytest.raises(SourceError, match=r"usb:0: no permission for .*video0; `sudo usermod -aG video"):
        check_device(tmp_path / "video0", "usb:0")


def test_a_camera_by_its_id_is_looked_up_at_each_opening(tmp_path):
    link = tmp_path / "usb-Maker_HD_Webcam-video-index0"
    for number in (0, 2):
        (tmp_path / f"video{number}").write_text("")
        link.unlink(missing_ok=True)
        link.symlink_to(f"video{number}")
        assert check_device(link, "usb:x").name == f"video{number}"
    (tmp_path / "video2").unlink()
    with pytest.raises(SourceError, match=r"no device .*HD_Webcam.*plug the camera in"):
        check_device(link, "usb:x")
    with pytest.raises(SourceError, match=r"^usb:/dev/v4l/by-id/nothing: no device"):
        open_source("usb:/dev/v4l/by-id/nothing")


def test_usb_cameras_are_listed_by_name_without_their_metadata_devices(tmp_path):
    for name, index, where in (
        ("video0", "0", "usb1/1-1"),
        ("video1", "1", "usb1/1-1"),
        ("video10", "0", "platform/codec"),
        ("video2", "0", "usb2/2-1"),
    ):
        folder = tmp_path / "devices" / where / name
        folder.mkdir(parents=True)
        (folder / "index").write_text(index + "\n")
        (folder / "name").write_text(f"Webcam at {where[:4]}\n")
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / name).symlink_to(folder)
    assert list_usb_cameras(classes=tmp_path / "class") == [
        "/dev/video0 (Webcam at usb1)",
        "/dev/video2 (Webcam at usb2)",
    ]


@pytest.mark.parametrize(
    ("driver", "capabilities", "refused", "words"),
    [
        (b"uvcvideo", 1, 16, "usb:0: in use by another program; `sudo fuser -v .*video0` shows which"),
        (b"uvcvideo", 1, None, "usb:0: cannot be opened; unplug it"),
        (b"uvcvideo", 0x800000, None, r"video0 \(HD Webcam\) is no camera; choose one of"),
        (b"unicam", 1, None, "is the camera module; use the source `picamera`"),
        (b"rp1-cfe", 1, None, "is the camera module"),
    ],
)
def test_why_a_device_gives_no_pictures(tmp_path, monkeypatch, driver, capabilities, refused, words):
    (tmp_path / "video0").write_text("")

    def ioctl(file, request, argument):
        if request == 0x80685600:
            return struct.pack("16s32s32sIII12x", driver, b"HD Webcam", b"usb-1", 0, 0x84A00001, capabilities)
        assert (request, argument[:12]) == (0xC0145608, struct.pack("III", 0, 1, 1))
        if refused:
            raise OSError(refused, "Device or resource busy")

    monkeypatch.setattr("edge.sources.v4l2.fcntl.ioctl", ioctl)
    assert re.search(words, str(explain(tmp_path / "video0", "usb:0")))


def test_a_stream_that_nobody_serves_is_an_error_without_its_password():
    with pytest.raises(SourceError, match=r"nobody answers at 127.0.0.1:9 \(Connection refused\)") as caught:
        open_source("rtsp://user:secret@127.0.0.1:9/door")
    assert "secret" not in str(caught.value)


# --- a real stream: JPEGs over HTTP, as many network cameras serve them


class StreamServer:
    """Serves one picture of four colours again and again; `stop` closes all connections, as a camera that is switched off."""

    def __init__(self, port: int = 0) -> None:
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:24, :32] = (0, 0, 230)  # BGR: red top left
        picture = cv2.imencode(".jpg", pixels)[1].tobytes()
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


def read_one(source):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        frame = source.read(0.5)
        if frame is not None:
            return frame
    raise AssertionError("no frame")


def test_a_stream_is_rgb_upright_and_no_faster_than_asked(stream):
    with CameraSource(
        f"http://127.0.0.1:{stream.port}/door", "door", CameraSettings(fps=20, rotation=90)
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
        source._capture = Silent()
        with pytest.raises(SourceError, match="door: gives no more pictures"):
            source.read(1.0)


def test_a_wrong_path_is_told_apart_from_a_missing_camera(stream):
    with pytest.raises(
        SourceError, match=r"127\.0\.0\.1 answers but gives no stream; check the path, user and password"
    ):
        open_source(f"http://127.0.0.1:{stream.port}/wrong")


def test_a_stream_that_breaks_off_is_found_again_when_it_comes_back(stream):
    url = f"http://127.0.0.1:{stream.port}/door"
    with LiveFeed(lambda: CameraSource(url, "door"), back_off=(0.05,)) as feed:
        assert read_one(feed) is not None
        stream.stop()
        deadline = time.monotonic() + 15
        while "nobody answers" not in (feed.problem or "") and time.monotonic() < deadline:
            feed.read(0.05)
        assert "nobody answers" in feed.problem
        again = StreamServer(stream.port)
        try:
            frame = None
            while frame is None and time.monotonic() < deadline:
                frame = feed.read(0.05)
            assert frame is not None
            assert (feed.problem, feed.lost) == (None, 1)
        finally:
            again.stop()


def test_passwords_are_hidden():
    assert without_password("rtsp://me:pw@cam/1") == "rtsp://***@cam/1"
    assert without_password("rtsp://cam/1") == "rtsp://cam/1"


# --- pictures


@pytest.mark.parametrize("look", [open_source, lambda path: list_pictures([Path(path)])])
def test_a_path_that_cannot_be_looked_at(look):
    with pytest.raises(SourceError, match=r"cannot be read .*File name too long"):
        look("x" * 300)


def test_a_folder_that_may_not_be_looked_into_is_not_called_empty(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root, who may run this, is never refused
    with pytest.raises(SourceError, match="no permission to look into this folder"):
        list_pictures([tmp_path])


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(SourceError, match="holds no pictures"):
        open_source(str(tmp_path))


def test_bad_pictures_are_skipped_and_counted(tmp_path, caplog):
    write_pictures(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    with PictureSource(tmp_path) as source:
        frames = [source.read(0) for _ in range(2 * FRAMES_A_PICTURE)]
        assert [Path(frame.file).name for frame in frames] == ["0.png"] * FRAMES_A_PICTURE + [
            "2.png"
        ] * FRAMES_A_PICTURE
        assert source.finished
        assert source.skipped == 1
    assert "1.png" in caplog.text


def test_nothing_but_bad_pictures_is_an_error(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with PictureSource(tmp_path) as source, pytest.raises(SourceError, match="none of its 1 pictures"):
        source.read(0)


# --- video files


def test_every_frame_of_a_video_comes_once_at_its_time(tmp_path):
    with VideoFileSource(write_video(tmp_path / "a.avi", frames=7, rate=10)) as source:
        frames = [source.read(0) for _ in range(7)]
        assert source.read(0) is None
        assert source.finished
    assert [round(frame.captured_at, 2) for frame in frames] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_a_video_that_breaks_off_says_where(tmp_path):
    path = write_video(tmp_path / "a.avi", frames=40)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = 0
    with (
        pytest.raises(
            SourceError, match=r"a\.avi: (the video breaks off after frame \d+ of \d+|not a video)"
        ),
        VideoFileSource(path) as source,
    ):
        while not source.finished:
            frames += source.read(0) is not None


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"no video" * 100, "not a video")])
def test_what_is_no_video_is_an_error(tmp_path, content, words):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_source(str(path))


# --- the live feed


def test_the_newest_frame_wins_and_the_others_are_counted():
    with LiveFeed(FakeCamera) as feed:
        first = feed.read(2)
        time.sleep(0.2)
        second = feed.read(2)
        assert second.index > first.index + 3
        assert feed.dropped >= 3
        assert time.monotonic() - second.captured_at < 0.1


def test_a_wrong_address_is_an_error_at_once():
    def broken():
        raise SourceError("no such camera")

    with pytest.raises(SourceError, match="no such camera"):
        LiveFeed(broken)


def test_a_camera_that_is_not_there_yet_is_waited_for_if_asked():
    plugged_in = threading.Event()

    def open_camera():
        if not plugged_in.is_set():
            raise SourceError("fake: no device")
        return FakeCamera()

    with LiveFeed(open_camera, back_off=(0.02,), wait=True, name="usb:0") as feed:
        assert feed.read(0.05) is None
        assert (feed.name, feed.problem, feed.finished) == ("usb:0", "fake: no device", False)
        plugged_in.set()
        assert feed.read(5) is not None
        assert (feed.name, feed.problem) == ("fake", None)


def test_a_missing_library_is_not_waited_for():
    def broken():
        raise MissingLibraryError("no OpenCV")

    with pytest.raises(MissingLibraryError):
        LiveFeed(broken, wait=True)


def test_a_lost_camera_is_opened_again_and_says_so_meanwhile():
    cameras = []
    allowed = threading.Event()

    def open_camera():
        if cameras and not allowed.is_set():
            raise SourceError("fake: still gone")
        cameras.append(FakeCamera(frames=3 if not cameras else 10**9))
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.02, 0.04)) as feed:
        deadline = time.monotonic() + 5
        while feed.problem is None and time.monotonic() < deadline:
            feed.read(0.05)
        assert "unplugged" in feed.problem or "still gone" in feed.problem
        assert not feed.finished
        assert cameras[0].closed
        allowed.set()
        frame = None
        while frame is None and time.monotonic() < deadline:
            frame = feed.read(0.05)
        assert frame is not None
        assert (feed.problem, feed.lost, len(cameras)) == (None, 1, 2)


def test_a_camera_whose_binding_raises_anything_is_opened_again():
    class Nasty(FakeCamera):
        def read(self, timeout):
            raise RuntimeError("Camera frontend has timed out")

        def close(self):
            raise ValueError("not open")

    cameras = iter([Nasty(), FakeCamera()])
    with LiveFeed(lambda: next(cameras), back_off=(0.01,)) as feed:
        deadline, frame = time.monotonic() + 5, None
        while frame is None and time.monotonic() < deadline:
            frame = feed.read(0.05)
        assert frame is not None
        assert feed.lost == 1


def test_a_camera_that_comes_and_goes_waits_longer_each_time_and_is_said_once(caplog):
    caplog.set_level("INFO")
    opened = []

    def open_camera():
        opened.append(time.monotonic())
        return FakeCamera(frames=2)

    with LiveFeed(open_camera, back_off=(0.01, 0.02, 0.04, 0.3)) as feed:
        deadline = time.monotonic() + 5
        while len(opened) < 6 and time.monotonic() < deadline:
            feed.read(0.05)
    assert opened[5] - opened[4] >= 0.3
    words = [record.message for record in caplog.records]
    assert words.count("fake: unplugged; trying again") == 1
    assert sum("pictures again after" in line for line in words) == 1


def test_a_camera_that_ran_steadily_begins_its_back_off_anew(caplog):
    now = [0.0]
    cameras = []

    def open_camera():
        cameras.append(FakeCamera())
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.01, 60.0), clock=lambda: now[0]) as feed:
        for lost in (1, 2, 3):
            assert read_one(feed) is not None
            now[0] += 31.0
            cameras[-1].frames = 0
            deadline = time.monotonic() + 5
            while len(cameras) <= lost and time.monotonic() < deadline:
                feed.read(0.02)
        assert len(cameras) == 4
    assert caplog.text.count("fake: unplugged; trying again") == 3


def test_a_camera_that_opens_but_gives_nothing_is_one_loss_until_it_gives_something(caplog):
    caplog.set_level("INFO")
    cameras = []

    def open_camera():
        cameras.append(FakeCamera(frames=10**9 if len(cameras) in (0, 4) else 0))
        return cameras[-1]

    with LiveFeed(open_camera, back_off=(0.01,)) as feed:
        assert read_one(feed) is not None
        cameras[0].frames = 0
        deadline = time.monotonic() + 5
        while len(cameras) < 5 and time.monotonic() < deadline:
            feed.read(0.02)
        assert read_one(feed) is not None
        assert feed.lost == 1
    assert [line.partition(" after")[0] for line in caplog.messages] == [
        "fake: unplugged; trying again",
        "fake: pictures again",
    ]
    assert "4 attempts" in caplog.text


@pytest.mark.parametrize(
    ("value", "frozen_after_s", "reopened"), [(90, 0.1, True), (90, math.inf, False), (7, 0.1, False)]
)
def test_a_frozen_camera_is_opened_again_but_not_a_stream_or_a_dark_room(value, frozen_after_s, reopened):
    class Frozen(FakeCamera):
        def read(self, timeout):
            return (
                Frame(np.full((48, 64, 3), value, np.uint8), 0, time.monotonic(), "fake")
                if super().read(timeout)
                else None
            )

    cameras = []
    with LiveFeed(
        lambda made=cameras: made.append(Frozen()) or made[-1],
        back_off=(0.01,),
        frozen_after_s=frozen_after_s,
    ) as feed:
        problems, deadline = set(), time.monotonic() + (5 if reopened else 0.5)
        while time.monotonic() < deadline and not (reopened and len(cameras) >= 3):
            feed.read(0.01)
            problems.add(feed.problem)
    assert (len(cameras) > 1) == reopened
    assert (
        any("fake: the picture is frozen; if opening it again" in str(problem) for problem in problems)
        == reopened
    )


class HangingCamera(FakeCamera):
    """Gives two frames, and then its driver does not come back until `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def read(self, timeout: float) -> Frame | None:
        if self.index >= 2:
            self.release.wait(20)
        return super().read(timeout)


def test_a_camera_that_hangs_is_the_problem_and_a_frame_ends_it():
    camera = HangingCamera()
    with LiveFeed(lambda: camera, hangs_after_s=0.05, gives_up_after_s=60) as feed:
        deadline = time.monotonic() + 5
        while feed.problem is None and time.monotonic() < deadline:
            feed.read(0.02)
        assert feed.problem == "fake: the camera hangs: its driver does not answer"
        camera.release.set()
        assert read_one(feed) is not None
        assert feed.problem is None


def test_a_camera_that_hangs_on_is_an_error_that_ends_the_run():
    camera = HangingCamera()
    feed = LiveFeed(lambda: camera, hangs_after_s=0.02, gives_up_after_s=0.1)
    with pytest.raises(
        CameraHangsError,
        match=r"fake: the camera hangs: no answer for .* ending, so that the service starts again",
    ):
        while True:
            feed.read(0.02)
    camera.release.set()
    feed.close()


def test_waiting_between_attempts_is_not_a_hang():
    cameras = iter([FakeCamera(frames=1)])
    opener = lambda: next(cameras, None) or (_ for _ in ()).throw(SourceError("gone"))  # noqa: E731
    with LiveFeed(opener, back_off=(0.3,), hangs_after_s=0.02, gives_up_after_s=0.05) as feed:
        for _ in range(20):
            feed.read(0.02)
        assert feed.problem in ("fake: unplugged", "gone")


def test_closing_a_feed_while_the_camera_is_gone_does_not_wait_for_the_back_off():
    cameras = iter([FakeCamera(frames=1)])
    feed = LiveFeed(
        lambda: next(cameras, None) or (_ for _ in ()).throw(SourceError("gone")), back_off=(60.0,)
    )
    while feed.problem is None:
        feed.read(0.05)
    start = time.monotonic()
    feed.close()
    assert time.monotonic() - start < 2


# --- the demo


def test_the_scene_is_reproducible_to_the_byte():
    with DemoSource(3) as first, DemoSource(3) as second:
        for _ in range(30):
            assert np.array_equal(first.read(0).pixels, second.read(0).pixels)


def test_the_scene_plays_every_act_and_begins_again():
    end = SCENE[-1][0]
    seen = [act(at / 10)[0] for at in range(round(end * 10))]
    assert list(dict.fromkeys(seen)) == ["nobody", "walks in", "bare", "masked", "nose bare", "walks out"]
    assert act(end + 0.5) == act(0.5)


@pytest.mark.skipif(not Path("/dev/video0").exists(), reason="no camera here")
def test_a_real_camera_gives_frames():
    with open_source("usb:0") as source:
        assert source.read(10) is not None
