"""The stream as real programs read it: curl, ffmpeg, OpenCV (as Home Assistant, VLC and go2rtc do)."""

import shutil
import subprocess

import numpy as np
import pytest

from edge.types import State
from edge.web.accounts import Role
from tests.edge.sinks.builders import make_result
from tests.edge.web.builders import PASSWORDS, pages, write_passwords

pytest.importorskip("aiohttp", reason="aiohttp is not installed: the stream was NOT read")


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (sudo apt install {program}): the stream was NOT read by it")


@pytest.fixture
def door(tmp_path):
    """With a password, as in a home network."""
    file = str(write_passwords(tmp_path))
    with pages(feed=make_result(State.PASS), password_file=file, fps=20, pictures="full") as opened:
        yield opened


def address(door, path: str) -> str:
    secret = f"viewer:{PASSWORDS[Role.VIEWER].replace(' ', '%20')}@"
    return f"{door.url}{path}".replace("http://", f"http://{secret}")


def test_curl_reads_the_stream_and_a_still(door, tmp_path):
    need("curl")
    login = ("-u", f"viewer:{PASSWORDS[Role.VIEWER]}")
    stream = subprocess.run(
        ["curl", "-s", "-m", "1.5", *login, f"{door.url}stream.mjpg"], capture_output=True, check=False
    )
    assert stream.stdout.count(b"Content-Type: image/jpeg") >= 5
    still = subprocess.run(
        ["curl", "-sf", *login, f"{door.url}api/v1/picture.jpg"], capture_output=True, check=True
    )
    assert still.stdout[:3] == b"\xff\xd8\xff"
    refused = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{door.url}stream.mjpg"],
        capture_output=True,
        check=True,
    )
    assert refused.stdout == b"401"


def test_ffmpeg_reads_the_stream(door):
    need("ffmpeg")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", address(door, "stream.mjpg"), "-frames:v", "5"]
    read = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, timeout=60, check=False
    )
    assert len(read.stdout) == 5 * 64 * 48 * 3, read.stderr


def test_opencv_reads_the_stream(door):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: the stream was NOT read by it")
    capture = cv2.VideoCapture(address(door, "stream.mjpg"), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() and "FFMPEG:                      YES" not in cv2.getBuildInformation():
            pytest.skip("this OpenCV has no FFmpeg: the stream was NOT read by it")
        pictures = [capture.read()[1] for _ in range(5)]
    finally:
        capture.release()
    expected = make_result().frame.pixels
    assert all(picture.shape == (48, 64, 3) for picture in pictures)
    assert np.abs(pictures[-1].astype(int).mean() - expected.mean()) < 20
