"""Addresses of sources: what is said of one that does not exist, and passwords that nobody sees."""

import pytest

from edge.address import Address
from edge.config.tables import SourceConfig
from edge.errors import SourceError
from edge.sources.opening import open_source


@pytest.mark.parametrize("uri", ["/nowhere/at/all.mp4", "nonsense", "12345.mp4"])
def test_a_source_that_does_not_exist_names_the_forms(uri):
    with pytest.raises(SourceError, match=r"no such source; use demo, picamera, usb:0"):
        open_source(SourceConfig(uri))


def test_an_absent_camera_names_the_devices_that_are_there():
    with pytest.raises(SourceError, match=r"no device /dev/video98"):
        open_source(SourceConfig("usb:98"))


def test_a_stream_that_nobody_serves_is_an_error_without_its_password():
    with pytest.raises(SourceError, match=r"nobody answers at 127.0.0.1:9 \(Connection refused\)") as caught:
        open_source(SourceConfig("rtsp://user:secret@127.0.0.1:9/door"))
    assert "secret" not in str(caught.value)


def test_passwords_are_hidden():
    assert str(Address("rtsp://me:pw@cam/1")) == "rtsp://***@cam/1"
    assert str(Address("rtsp://cam/1")) == "rtsp://cam/1"


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("0", "usb:0"),
        ("2", "usb:2"),
        ("webcam", "usb:0"),
        ("Webcam", "usb:0"),
        ("usb0", "usb:0"),
        ("usb 1", "usb:1"),
        ("usb:", "usb:0"),
        ("video0", "usb:0"),
        ("camera", "usb:0"),
        ("picam", "picamera"),
        ("picamera2", "picamera"),
        ("libcamera", "picamera"),
    ],
)
def test_a_word_for_a_camera_is_understood(uri, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=rf"no such source; did you mean {meant}\?"):
        open_source(SourceConfig(uri))


@pytest.mark.parametrize("uri", ["", " "])
def test_an_empty_address_is_not_the_working_folder(uri):
    with pytest.raises(SourceError, match="the source is empty; use demo"):
        open_source(SourceConfig(uri))
