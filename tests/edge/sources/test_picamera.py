"""The camera module's source on a stand-in for picamera2; tests/pi/picamera2.sh runs it on the real one."""

import itertools
import logging
import time

import numpy as np
import pytest

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import MissingLibraryError, SourceError
from edge.sources.opening import open_source
from edge.sources.orientation import Orientation
from edge.sources.picamera import NO_PICTURE_S, PiCameraSource, choose_sensor_mode
from tests.fake_picamera2 import IMX219_MODES, PI_CONTROLS, Device, install

CORNERS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "grey": (120, 120, 120)}
RED, GREEN, BLUE, GREY = CORNERS.values()


def scene(width=64, height=48):
    """Red top left, green top right, blue bottom left, grey bottom right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, GREY
    return pixels


def tables(uri="picamera:0", preview=(32, 24), width=64, height=48, fps=1000, **camera):
    return SourceConfig(uri, width, height, fps), CameraConfig(**camera), preview


def open_address(uri):
    return open_source(SourceConfig(uri))


def read(source):
    for _ in range(50):
        frame = source.read(0.2)
        if frame is not None:
            return frame
    raise AssertionError("no frame")


def corners(pixels):
    """The four corners' colours, clockwise from top left, each named by the nearest one of the scene."""
    points = [pixels[4, 4], pixels[4, -5], pixels[-5, -5], pixels[-5, 4]]
    return [
        min(CORNERS, key=lambda name: np.abs(np.asarray(CORNERS[name], int) - point).max())
        for point in points
    ]


@pytest.mark.parametrize(
    "main", ["BGR888", "RGB888", "XBGR8888", "XRGB8888", "YUV420", "YVU420", "NV12", "NV21", "MJPEG"]
)
@pytest.mark.parametrize("width", [64, 100])
def test_whatever_format_and_stride_the_camera_gives_the_frame_is_rgb(monkeypatch, main, width):
    device = Device(scene(width), formats={"main": main})
    install(monkeypatch, device)
    with PiCameraSource(0, *tables(width=width)) as source:
        frame = read(source)
    assert frame.pixels.shape == (48, width, 3)
    assert frame.preview.shape == (24, 32, 3)
    for pixels in (frame.pixels, frame.preview):
        assert pixels.flags.c_contiguous
        assert corners(pixels) == ["red", "green", "grey", "blue"]
        assert np.abs(pixels[4, 4].astype(int) - RED).max() <= 6  # YUV rounds
    assert device.outstanding == 0


@pytest.mark.parametrize("flips", [True, False], ids=["camera flips", "camera cannot flip"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("vflip", [False, True])
def test_every_orientation_of_both_views_whoever_turns_them(monkeypatch, flips, rotation, hflip, vflip):
    install(monkeypatch, Device(scene(), flips=flips))
    size = {"width": 48, "height": 64, "preview": (24, 32)} if rotation in (90, 270) else {}
    with PiCameraSource(0, *tables(hflip=hflip, vflip=vflip, rotation=rotation, **size)) as source:
        frame = read(source)
    expected = scene()
    expected = expected[:, ::-1] if hflip else expected
    expected = expected[::-1] if vflip else expected
    expected = np.rot90(expected, -rotation // 90)
    assert np.array_equal(frame.pixels, expected)
    assert corners(frame.preview) == corners(expected)
    assert frame.preview.shape[:2] == (expected.shape[0] // 2, expected.shape[1] // 2)


def test_orientation_is_numpys_for_all_sixteen():
    picture = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)
    for hflip, vflip, turns in itertools.product((False, True), (False, True), range(4)):
        expected = picture[:: -1 if vflip else 1, :: -1 if hflip else 1]
        assert np.array_equal(
            Orientation.of(hflip, vflip, 90 * turns).apply(picture), np.rot90(expected, -turns)
        )
    with pytest.raises(ValueError, match="45"):
        Orientation.of(rotation=45)


def test_a_camera_without_lores_or_a_small_full_view_has_no_preview(monkeypatch):
    install(monkeypatch, Device(scene(), lores=False))
    with PiCameraSource(0, *tables()) as source:
        assert read(source).preview is None
    install(monkeypatch, Device(scene(), sizes={"lores": (64, 48)}))
    with PiCameraSource(0, *tables()) as source:
        assert read(source).preview is None
    device = Device(scene())
    install(monkeypatch, device)
    with PiCameraSource(0, *tables(preview=(320, 256))) as source:
        assert read(source).preview is None
    assert device.configurations[0]["lores"] is None


def test_a_camera_that_gives_another_size_is_taken_as_it_is(monkeypatch):
    install(monkeypatch, Device(scene(), sizes={"main": (60, 40)}))
    with PiCameraSource(0, *tables()) as source:
        frame = read(source)
    assert (frame.width, frame.height, corners(frame.pixels)) == (60, 40, ["red", "green", "grey", "blue"])


def test_a_format_that_nobody_knows_is_named(monkeypatch):
    install(monkeypatch, Device(scene(), formats={"main": "BROKEN"}))
    with pytest.raises(SourceError, match="picamera:0: gives pictures as BROKEN"):
        PiCameraSource(0, *tables())


def test_exposure_and_rate_are_limited_and_autofocus_runs(monkeypatch):
    device = Device(scene(), controls=PI_CONTROLS | {"AfMode": (0, 2, 0)})
    install(monkeypatch, device)
    PiCameraSource(0, *tables(fps=15, exposure_max_ms=20.0)).close()
    PiCameraSource(0, *tables(fps=15, exposure_max_ms=0.0)).close()
    PiCameraSource(0, *tables(fps=100, exposure_max_ms=20.0)).close()
    controls = [configuration["controls"] for configuration in device.configurations]
    assert controls[0] == {"FrameDurationLimits": (20000, 20000), "AeExposureMode": 1, "AfMode": 2}
    assert controls[1] == {"FrameDurationLimits": (66667, 66667), "AfMode": 2}
    assert controls[2]["FrameDurationLimits"] == (10000, 10000)


def test_controls_that_the_camera_lacks_are_left_out_with_one_debug_line(monkeypatch, caplog):
    device = Device(scene(), controls={})
    install(monkeypatch, device)
    with caplog.at_level(logging.DEBUG, "edge.sources.picamera"), PiCameraSource(0, *tables()) as source:
        assert read(source) is not None
    assert device.configurations[0]["controls"] == {}
    assert [record.message for record in caplog.records if "left out" in record.message] == [
        "picamera:0: this camera has no AeExposureMode, AfMode, FrameDurationLimits: left out"
    ]


def test_the_sensor_mode_is_the_widest_that_is_large_and_fast_enough(monkeypatch):
    assert choose_sensor_mode(IMX219_MODES, (640, 480), 30) == {"output_size": (1640, 1232), "bit_depth": 10}
    assert choose_sensor_mode(IMX219_MODES, (1920, 1080), 15) == {
        "output_size": (3280, 2464),
        "bit_depth": 10,
    }
    assert choose_sensor_mode([{"format": "NV12"}], (640, 480), 30) is None
    device = Device(scene())
    install(monkeypatch, device)
    PiCameraSource(0, *tables()).close()
    assert device.configurations[0]["sensor"]["output_size"] == (1640, 1232)


def test_a_camera_that_is_no_sensor_is_not_asked_for_its_modes(monkeypatch):
    device = Device(scene(), properties={"Model": "UVC"}, modes=AssertionError("asked"))
    install(monkeypatch, device)
    PiCameraSource(0, *tables()).close()
    assert "sensor" not in device.configurations[0]


def test_a_pi_without_the_memory_to_list_the_modes_takes_libcameras_choice(monkeypatch):
    device = Device(scene(), modes=OSError(12, "Cannot allocate memory"))
    install(monkeypatch, device)
    with PiCameraSource(0, *tables()) as source:
        assert read(source) is not None
    assert "sensor" not in device.configurations[0]


def test_frames_come_no_faster_than_asked(monkeypatch):
    install(monkeypatch, Device(scene()))
    with PiCameraSource(0, *tables(fps=50)) as source:
        times = [read(source).captured_at for _ in range(11)]
    assert times[10] - times[0] >= 10 * 0.02 - 0.03


# --- what goes wrong


def test_without_picamera2_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "picamera2", None)
    with pytest.raises(MissingLibraryError, match="sudo apt install python3-picamera2"):
        open_address("picamera")


def test_missing_forbidden_busy_and_unknown_are_told_apart(monkeypatch, tmp_path):
    install(monkeypatch)
    monkeypatch.setattr("edge.sources.picamera.os.access", lambda *_: True)
    with pytest.raises(SourceError, match="picamera:0: no camera found; check both ends of its ribbon cable"):
        open_address("picamera")
    install(monkeypatch, Device(scene()), Device(scene(), busy=True))
    with pytest.raises(
        SourceError, match=r"picamera:3: no such camera \(present: picamera:0 imx219, picamera:1 imx219\)"
    ):
        open_address("picamera:3")
    with pytest.raises(SourceError, match="picamera:1: in use by another program; `sudo fuser -v"):
        open_address("picamera:1")
    install(
        monkeypatch,
        Device(scene(), open_error=PermissionError(13, "Permission denied", "/dev/dma_heap/linux,cma")),
    )
    with pytest.raises(
        SourceError, match=r"no permission for /dev/dma_heap/linux,cma; `sudo usermod -aG video"
    ):
        open_address("picamera:0")
    install(monkeypatch, Device(scene(), open_error=RuntimeError("Could not open any dmaHeap device")))
    with pytest.raises(
        SourceError, match=r"picamera:0: cannot be used \(Could not open any dmaHeap device\)"
    ):
        open_address("picamera:0")


def test_no_camera_and_closed_device_files_is_a_question_of_the_group(monkeypatch, tmp_path):
    from edge.sources import picamera

    install(monkeypatch)
    (tmp_path / "media0").write_text("")
    monkeypatch.setattr("edge.sources.picamera.os.access", lambda *_: False)
    with pytest.raises(SourceError, match=r"no permission for .*media0; `sudo usermod -aG video"):
        picamera._open_camera(__import__("picamera2").Picamera2, 0, "picamera:0", tmp_path)


def test_a_second_opening_is_busy_and_after_closing_it_is_not(monkeypatch):
    install(monkeypatch, Device(scene()))
    with PiCameraSource(0, *tables()), pytest.raises(SourceError, match="in use"):
        PiCameraSource(0, *tables())
    PiCameraSource(0, *tables()).close()


def test_a_camera_that_fails_while_it_is_set_up_is_closed(monkeypatch):
    device = Device(scene(), formats={"main": "BROKEN"})
    install(monkeypatch, device)
    with pytest.raises(SourceError):
        PiCameraSource(0, *tables())
    assert device.opened == 0


def test_silence_is_a_time_out_first_and_a_loss_after_five_seconds(monkeypatch):
    device, now = Device(scene(), frames=1), [0.0]
    install(monkeypatch, device)
    source = PiCameraSource(0, *tables(), clock=lambda: now[0])
    assert source.read(0.0) is not None
    now[0] = 1.0
    assert source.read(0.01) is None
    assert len(device.cameras[0].jobs) == 1
    assert source.read(0.01) is None
    assert len(device.cameras[0].jobs) == 1, "one time-out must not leave a second job behind"
    now[0] = 1.0 + NO_PICTURE_S
    with pytest.raises(SourceError, match="picamera:0: gives no more pictures; check both ends"):
        source.read(0.01)
    source.close()
    assert (device.opened, device.outstanding) == (0, 0)


def test_a_picture_that_comes_after_the_time_out_is_used_or_given_back(monkeypatch):
    device = Device(scene(), frames=0)
    install(monkeypatch, device)
    source = PiCameraSource(0, *tables())
    assert source.read(0.01) is None
    device.frames = 1
    assert read(source).index == 0
    assert source.read(0.01) is None
    device.frames = 2
    device.cameras[0].step()
    assert device.outstanding == 1
    source.close()
    assert device.outstanding == 0


def test_the_feed_opens_a_silent_camera_again(monkeypatch):
    device = Device(scene(), frames=2)
    install(monkeypatch, device)
    monkeypatch.setattr("edge.sources.picamera.NO_PICTURE_S", 0.05)
    with open_source(*tables()) as feed:
        deadline = time.monotonic() + 5
        while feed.problem is None and time.monotonic() < deadline:
            feed.read(0.05)
        assert "gives no more pictures" in str(feed.problem)
        device.frames = 10**9
        while feed.problem is not None and time.monotonic() < deadline:
            feed.read(0.05)
        assert feed.read(1.0) is not None
    assert (device.opened, device.outstanding) == (0, 0)


def test_an_ai_camera_is_opened_seldom_and_a_reboot_is_named(monkeypatch):
    """raspberrypi/linux 7613: it hangs until the next boot once it was opened 20 to 25 times."""
    device = Device(scene(), frames=3, properties={"Model": "imx500", "ColorFilterArrangement": 0})
    install(monkeypatch, device)
    made = []
    monkeypatch.setattr("edge.sources.opening.LiveFeed", lambda opener, **how: made.append((opener, how)))
    open_source(SourceConfig("picamera", 64, 48, 100))
    ((opener, how),) = made
    assert how["back_off"] == (5.0, 30.0, 120.0, 600.0)
    assert "only a reboot helps" in how["hang_cure"]
    assert not device.configurations
    monkeypatch.setattr("edge.sources.picamera.NO_PICTURE_S", 0.05)
    with (
        opener() as source,
        pytest.raises(SourceError, match=r"gives no more pictures; .* only a reboot helps"),
    ):
        while True:
            source.read(0.1)


def test_any_other_module_is_opened_again_as_before(monkeypatch):
    install(monkeypatch, Device(scene()))
    made = []
    monkeypatch.setattr("edge.sources.opening.LiveFeed", lambda opener, **how: made.append(how))
    open_source(SourceConfig("picamera", 64, 48, 100))
    open_source(SourceConfig("picamera:7", 64, 48, 100))
    assert [how["back_off"][0] for how in made] == [0.5, 0.5]
