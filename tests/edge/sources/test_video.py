"""Video files as a source."""

import re

import cv2
import numpy as np
import pytest

from edge.config.tables import SourceConfig
from edge.errors import SourceError
from edge.sources.images import PictureSource
from edge.sources.opening import open_source
from edge.sources.video import VideoFileSource
from tests.edge.sources.builders import noisy_jpeg, write_video


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
        open_source(SourceConfig(str(path)))


class FakeFile:
    """A cv2.VideoCapture of a file: its frames, their time stamps in ms, and what it states."""

    def __init__(self, frames, stamps, rate=10.0, count=0):
        self.frames, self.stamps, self.at = frames, stamps, -1
        self.properties = {cv2.CAP_PROP_FPS: rate, cv2.CAP_PROP_FRAME_COUNT: count}

    def isOpened(self):
        return True

    def grab(self):
        self.at += 1
        return self.at < len(self.frames)

    def retrieve(self):
        return True, self.frames[self.at]

    def get(self, prop):
        return self.stamps[self.at] if prop == cv2.CAP_PROP_POS_MSEC else self.properties.get(prop, 0.0)

    def set(self, prop, value):
        return False

    def release(self):
        pass


def read_fake(monkeypatch, tmp_path, stamps, value=90, **stated):
    (tmp_path / "a.mp4").write_bytes(b"x")
    frames = [np.full((48, 64, 3), value, np.uint8)] * len(stamps)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: FakeFile(frames, stamps, **stated))
    with VideoFileSource(tmp_path / "a.mp4") as source:
        times = []
        while not source.finished:
            frame = source.read(0)
            times += [] if frame is None else [round(frame.captured_at, 3)]
    return times


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 100, 200], [0, 0.1, 0.2]),
        ([0, 100, 1900, 2000], [0, 0.1, 1.9, 2.0]),  # a variable rate
        ([5000, 5100, 5200], [0, 0.1, 0.2]),  # a recording that begins in the middle
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),  # none
        ([0, 100, 200, 0], [0, 0.1, 0.2, 0.3]),  # the last one, as of MPEG-2
        ([0, 300, 100, 400], [0, 0.3, 0.4, 0.5]),  # back and forth
    ],
)
def test_times_are_the_frames_own_and_always_rise(monkeypatch, tmp_path, stamps, times):
    assert read_fake(monkeypatch, tmp_path, stamps) == times


@pytest.mark.parametrize(
    ("seconds_a_frame", "frames", "rate", "count", "whole"),
    [
        (0.1, 100, 10, 100, True),
        (0.3, 60, 10, 180, True),  # a guessed count: length times rate
        (0.1, 60, 10, 180, False),
        (0.1, 60, 10, 0, True),  # as browsers record
        (0.1, 60, 10, -92233720368, True),
        (0.1, 97, 10, 100, True),
    ],
)
def test_a_stated_length_counts_only_together_with_the_time(
    monkeypatch, tmp_path, seconds_a_frame, frames, rate, count, whole
):
    stamps = [1e3 * seconds_a_frame * i for i in range(frames)]
    if whole:
        assert len(read_fake(monkeypatch, tmp_path, stamps, rate=rate, count=count)) == frames
    else:
        with pytest.raises(SourceError, match="breaks off after frame 60 of 180"):
            read_fake(monkeypatch, tmp_path, stamps, rate=rate, count=count)


def test_a_video_of_which_nothing_could_be_decoded_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(SourceError, match=r"a\.mp4: not one picture of it could be decoded .* yadif"):
        read_fake(monkeypatch, tmp_path, [0, 100, 200], value=0)
    assert len(read_fake(monkeypatch, tmp_path, [0, 100, 200], value=1)) == 3


def test_damaged_frames_of_a_video_are_left_out_and_counted(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (128, 96))
    for i in range(6):
        writer.write(np.random.default_rng(i).integers(0, 256, (96, 128, 3), np.uint8))
    writer.release()
    data = path.read_bytes()
    starts = [match.start() for match in re.finditer(b"\xff\xd8\xff", data)]
    assert len(starts) == 6
    middle = (starts[2] + starts[3]) // 2
    path.write_bytes(data[:middle] + b"\xff\xd9" + data[middle + 2 :])  # the third ends in its middle
    with VideoFileSource(path) as source:
        indexes = [source.read(0).index for _ in range(5)]
        with pytest.raises(SourceError, match=r"1 of 6 frames are damaged and were not looked at; copy it"):
            source.read(0)
    assert indexes == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("name", ["12:30.avi", "cam-2024-01-01T12:00:00.avi", "file:a.avi", "rtsp:.avi"])
def test_a_colon_in_a_relative_name_is_no_protocol(tmp_path, monkeypatch, name):
    write_video(tmp_path / "a.avi").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with open_source(SourceConfig(name)) as source:
        assert source.read(0) is not None


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (box(b"ftyp", b"isom") + box(b"mdat", b"1" * 99), "its index is missing: it was not finished"),
        (box(b"ftyp", b"isom") + box(b"mdat", b"1" * 99)[:50], "its index is missing"),
        (box(b"ftyp", b"isom") + box(b"moov", b"1" * 99)[:50], "its index is missing"),
        (box(b"ftyp", b"isom") + b"\0\0\0\0mdat" + b"1" * 99, "its index is missing"),
        (box(b"ftyp", b"isom") + box(b"moov", b"\xff" * 99), "not a video that OpenCV can read"),
        (b"<!DOCTYPE html><title>Login</title>", "this is a web page, not a video"),
        (b"\n <HTML>", "this is a web page"),
        ("Grüße\n".encode() * 999, "this is a text file"),
        (b"PK\x03\x04" + bytes(99), "this is a ZIP archive"),
        (b"%PDF-1.4\n\xe2\xe3", "this is a PDF document"),
        (bytes(9999), "a file of zeros"),
        (b"\x81\x92\xa3\xff" * 99, "not a video that OpenCV can read; convert it"),
    ],
)
def test_a_file_that_is_no_video_is_told_by_its_content(tmp_path, content, words, capfd):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_source(SourceConfig(str(path)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "count", "kind"), [("a.mjpeg", 3, "video"), ("a.MJPG", 1, "picture")])
def test_a_file_of_many_jpegs_is_a_video_and_one_of_one_is_a_picture(tmp_path, name, count, kind):
    (tmp_path / name).write_bytes(noisy_jpeg() * count)
    with open_source(SourceConfig(str(tmp_path / name))) as source:
        assert isinstance(source, VideoFileSource if kind == "video" else PictureSource)
        frames = 0
        while not source.finished:
            frames += source.read(0) is not None
    assert frames == (3 if kind == "video" else 8)
