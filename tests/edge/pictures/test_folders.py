"""What lies in a folder: pictures by their content, and everything else counted and named."""

import os
import socket

import pytest

from edge.pictures import folders
from edge.pictures.folders import find_pictures, search
from tests.builders import DATA

JPEG = (DATA / "awkward" / "windows.jfif").read_bytes()
HEIC = (DATA / "awkward" / "telephone.heic").read_bytes()


@pytest.fixture
def folder(tmp_path):
    for name, data in {
        "a.jpg": JPEG,
        "b.jfif": JPEG,
        "c": JPEG,
        "d.picture": JPEG,
        "sub/e.jpe": JPEG,
        "f.heic": HEIC,
        "g.HEIC": HEIC,
        "h.txt": b"words",
        ".i.jpg": JPEG,
        "heic-without-a-suffix": HEIC,
        "bad.jpg": b"words",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def names(found, folder):
    return [str(path.relative_to(folder)) for path in found.pictures]


def test_pictures_are_told_by_content_or_by_suffix(folder):
    assert names(search(folder), folder) == ["a.jpg", "b.jfif", "bad.jpg", "c", "d.picture", "sub/e.jpe"]


def test_what_is_left_out_is_counted_by_kind(folder, caplog):
    found = search(folder)
    assert found.words().startswith("5 files left out: 2 .heic, ")
    for words in ("2 .heic", "1 HEIC", "1 hidden", "1 without a picture in it"):
        assert words in found.words()
    assert found.unread == 3
    find_pictures(folder)
    assert "5 files left out" in caplog.text


def test_nothing_left_out_is_no_word(tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(JPEG)
    assert len(find_pictures(tmp_path)) == 1
    assert caplog.text == ""


def test_links_are_followed_and_no_folder_is_looked_at_twice(folder):
    outside = folder / ".outside"
    outside.mkdir()
    (outside / "z.jpg").write_bytes(JPEG)
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "sub" / "loop").symlink_to(folder / "sub")
    (folder / "again").symlink_to(folder / "sub")
    (folder / "file.jpg").symlink_to(folder / "a.jpg")
    found = search(folder)
    assert "linked/z.jpg" in names(found, folder)
    assert "sub/e.jpe" in names(found, folder)
    assert "file.jpg" in names(found, folder)
    assert "3 links to folders looked at before" in found.words()
    assert len(found.pictures) == 8


def test_links_that_lead_nowhere_are_named(folder):
    (folder / "broken.jpg").symlink_to(folder / "gone.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    words = search(folder).words()
    assert "2 links that lead nowhere" in words
    assert "broken.jpg" in words


def test_pipes_and_sockets_are_counted_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe.jpg")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    assert "3 pipes, sockets or devices" in search(folder).words()


def test_a_closed_sub_folder_is_named(folder, monkeypatch):
    """Root is never refused, so the system's call refuses in its place."""
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    found = search(folder)
    assert f"1 sub-folder without permission ({folder / 'sub'})" in found.words()
    assert found.unread == 4


def test_names_are_printable(folder):
    (folder / "a\x1b[31m.jpg").symlink_to("gone")
    assert "\x1b" not in search(folder).words()
