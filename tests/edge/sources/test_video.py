"""Video files as a source."""

import pytest

from edge.config.tables import SourceConfig
from edge.errors import SourceError
from edge.sources.opencv import VideoFileSource
from edge.sources.opening import open_source
from tests.edge.sources.builders import write_video


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
