"""Access to device files."""

import os

from edge.errors import SourceError
from edge.host.access import join_group, may_use, no_permission


def test_a_file_that_may_only_be_read_may_not_be_used(tmp_path, monkeypatch):
    path = tmp_path / "video0"
    path.touch()
    assert may_use(path)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # the tests may run as root
    assert not may_use(path)


def test_a_missing_file_may_not_be_used(tmp_path):
    assert not may_use(tmp_path / "video0")


def test_no_permission_is_two_arguments_of_an_error():
    error = SourceError(*no_permission("/dev/video0", "video", "usb:0"))
    assert error.what == "usb:0: no permission for /dev/video0"
    assert error.cure == "`sudo usermod -aG video $USER`, then log in again"
    assert str(error) == f"{error.what}; {error.cure}" == str(no_permission("/dev/video0", "video", "usb:0"))


def test_the_user_of_a_service_restarts_it():
    assert join_group("video,gpio", "mask-edge", "`reboot`") == (
        "`sudo usermod -aG video,gpio mask-edge`, then `reboot`"
    )
