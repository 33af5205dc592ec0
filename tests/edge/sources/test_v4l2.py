"""USB cameras under /dev: found, listed, and why one gives no pictures."""

import re
import struct
from pathlib import Path

import pytest

from edge.config.tables import SourceConfig
from edge.errors import SourceError
from edge.sources.opening import open_source
from edge.sources.v4l2 import check_device, explain, list_usb_cameras


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
        open_source(SourceConfig("usb:/dev/v4l/by-id/nothing"))


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


@pytest.mark.skipif(not Path("/dev/video0").exists(), reason="no camera here")
def test_a_real_camera_gives_frames():
    with open_source(SourceConfig("usb:0")) as source:
        assert source.read(10) is not None
