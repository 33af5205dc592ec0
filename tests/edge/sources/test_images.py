"""Picture files and folders as a source."""

from pathlib import Path

import pytest

from edge.config.tables import SourceConfig
from edge.errors import SourceError
from edge.sources.images import FRAMES_A_PICTURE, PictureSource, list_pictures
from edge.sources.opening import open_source
from tests.edge.sources.builders import write_pictures


@pytest.mark.parametrize(
    "look", [lambda path: open_source(SourceConfig(path)), lambda path: list_pictures([Path(path)])]
)
def test_a_path_that_cannot_be_looked_at(look):
    with pytest.raises(SourceError, match=r"cannot be read .*File name too long"):
        look("x" * 300)


def test_a_folder_that_may_not_be_looked_into_is_not_called_empty(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root, who may run this, is never refused
    with pytest.raises(SourceError, match="no permission to look into this folder"):
        list_pictures([tmp_path])


def test_a_folder_without_pictures(tmp_path):
    with pytest.raises(SourceError, match="holds no pictures"):
        open_source(SourceConfig(str(tmp_path)))


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
