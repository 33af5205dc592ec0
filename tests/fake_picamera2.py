"""Stands in for the modules picamera2 and libcamera.

It has the calls that edge/sources/picamera.py makes, and answers as picamera2 0.3.38 does.
The same source runs on the real picamera2 in tests/pi/picamera2.sh.
"""

from __future__ import annotations

import concurrent.futures
import time
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np

ENCODERS = {
    "BGR888": lambda rgb: rgb,
    "RGB888": lambda rgb: rgb[:, :, ::-1],
    "XBGR8888": lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]),
    "XRGB8888": lambda rgb: np.dstack([rgb[:, :, ::-1], np.full(rgb.shape[:2], 255, np.uint8)]),
    "YUV420": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420),
    "YVU420": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YV12),
    "NV12": lambda rgb: _semi_planar(rgb, swap=False),
    "NV21": lambda rgb: _semi_planar(rgb, swap=True),
    "MJPEG": lambda rgb: rgb,
    "BROKEN": lambda rgb: rgb,
}

PI_CONTROLS = {
    "FrameDurationLimits": (9000, 10**8, 33333),
    "AeExposureMode": (0, 3, 0),
    "ExposureTime": (60, 10**7, 20000),
}
IMX219_MODES = [
    {
        "format": "SBGGR10",
        "bit_depth": 10,
        "size": (640, 480),
        "fps": 103.33,
        "crop_limits": (1000, 752, 1280, 960),
    },
    {
        "format": "SBGGR10",
        "bit_depth": 10,
        "size": (1640, 1232),
        "fps": 41.85,
        "crop_limits": (0, 0, 3280, 2464),
    },
    {
        "format": "SBGGR10",
        "bit_depth": 10,
        "size": (1920, 1080),
        "fps": 47.57,
        "crop_limits": (680, 692, 1920, 1080),
    },
    {
        "format": "SBGGR10",
        "bit_depth": 10,
        "size": (3280, 2464),
        "fps": 21.19,
        "crop_limits": (0, 0, 3280, 2464),
    },
]


def _semi_planar(rgb, swap):
    height, width = rgb.shape[:2]
    planar = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YV12 if swap else cv2.COLOR_RGB2YUV_I420).reshape(-1)
    chroma = planar[height * width :].reshape(2, -1).T.reshape(height // 2, width)
    return np.vstack([planar[: height * width].reshape(height, width), chroma])


def _pad(array, stride, kind):
    """picamera2 leaves the padding of planar YUV in its arrays, and cuts it off of all others."""
    if kind not in ("YUV420", "YVU420") or stride == array.shape[1]:
        return np.ascontiguousarray(array)
    height = array.shape[0] * 2 // 3
    wide = np.full((array.shape[0], stride), 77, np.uint8)
    wide[:height, : array.shape[1]] = array[:height]
    half, rows = array.shape[1] // 2, wide[height:].reshape(-1, stride // 2)
    rows[:, :half] = array[height:].reshape(-1, half)
    return wide


class Transform:
    def __init__(self, hflip=False, vflip=False):
        self.hflip, self.vflip = hflip, vflip


class Device:
    """What is plugged in: its scene, uint8 (H, W, 3) RGB as the sensor sees it, and how it behaves."""

    def __init__(self, scene, **behaviour):
        self.scene = scene
        self.formats: dict[str, str] = {}  # stream -> what it gives instead of what is asked
        self.sizes: dict[str, tuple[int, int]] = {}  # the same for sizes
        self.lores = True
        self.flips = True
        self.controls = dict(PI_CONTROLS)
        self.properties = {"Model": "imx219", "ColorFilterArrangement": 0}
        self.modes = IMX219_MODES
        self.align = 64
        self.frames = 10**9  # then there is silence
        self.busy = False
        self.open_error: Exception | None = None
        self.hang_on_close = 0.0
        for name, value in behaviour.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        self.opened = self.outstanding = self.given = 0
        self.configurations: list[dict] = []
        self.cameras: list[FakePicamera2] = []


class FakeJob:
    def __init__(self):
        self.future = concurrent.futures.Future()

    def get_result(self, timeout=None):
        return self.future.result(timeout=timeout)


class FakeRequest:
    def __init__(self, camera):
        self.camera, self.released = camera, False
        camera.device.outstanding += 1

    def make_array(self, name):
        assert not self.released
        return self.camera.array(name)

    def release(self):
        assert not self.released, "released twice"
        self.released = True
        self.camera.device.outstanding -= 1


class FakePicamera2:
    devices: ClassVar[list[Device]] = []

    @staticmethod
    def global_camera_info():
        return [
            {"Model": device.properties["Model"], "Id": f"/base/{i}", "Num": i}
            for i, device in enumerate(FakePicamera2.devices)
        ]

    def __init__(self, camera_num=0):
        self.device = device = FakePicamera2.devices[camera_num]
        if device.open_error:
            raise device.open_error
        if device.busy or device.opened:
            try:
                raise RuntimeError("Failed to acquire camera: Device or resource busy")
            except RuntimeError as error:
                raise RuntimeError("Camera __init__ sequence did not complete.") from error
        device.opened += 1
        device.cameras.append(self)
        self.camera_controls, self.camera_properties = device.controls, device.properties
        self.started, self.jobs, self._configuration = False, [], {}

    @property
    def sensor_modes(self):
        if isinstance(self.device.modes, Exception):
            raise self.device.modes
        return self.device.modes

    def create_video_configuration(
        self,
        main,
        lores=None,
        raw=None,
        transform=None,
        colour_space=None,
        buffer_count=6,
        controls=None,
        **rest,
    ):
        assert set(rest) <= {"display", "encode", "queue", "sensor", "use_case"}
        return {
            "main": dict(main),
            "lores": lores and dict(lores),
            "raw": raw,
            "transform": transform,
            "controls": controls,
        } | rest

    def configure(self, configuration):
        for name in configuration["controls"]:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        self.device.configurations.append(configuration)
        if not self.device.flips:
            configuration["transform"] = Transform()
        if not self.device.lores:
            configuration["lores"] = None
        for stream in ("main", "lores"):
            if configuration[stream]:
                configuration[stream]["size"] = self.device.sizes.get(stream, configuration[stream]["size"])
                configuration[stream]["format"] = kind = self.device.formats.get(
                    stream, configuration[stream]["format"]
                )
                width = configuration[stream]["size"][0]
                bytes_a_pixel = 4 if kind.startswith("X") else 3 if kind.endswith("888") else 1
                configuration[stream]["stride"] = (
                    -(-width * bytes_a_pixel // self.device.align) * self.device.align
                )
        self._configuration = configuration

    def camera_configuration(self):
        return self._configuration

    def start(self):
        assert self._configuration
        self.started = True

    def array(self, name):
        stream, transform = self._configuration[name], self._configuration["transform"]
        scene = cv2.resize(self.device.scene, stream["size"], interpolation=cv2.INTER_NEAREST)
        scene = scene[:, ::-1] if transform.hflip else scene
        scene = np.ascontiguousarray(scene[::-1] if transform.vflip else scene)
        return _pad(ENCODERS[stream["format"]](scene), stream["stride"], stream["format"])

    def capture_request(self, wait=None, signal_function=None, flush=None):
        assert wait is False, "a job that is waited for here would keep its picture after a time-out"
        assert self.started
        job = FakeJob()
        self.jobs.append(job)
        self.step()
        return job

    def step(self):
        while self.jobs and self.device.given < self.device.frames:
            self.device.given += 1
            self.jobs.pop(0).future.set_result(FakeRequest(self))

    def wait(self, job, timeout=None):
        time.sleep(0.001)
        self.step()
        return job.get_result(timeout=min(timeout, 0.02))

    def cancel_all_and_flush(self):
        while self.jobs:
            self.jobs.pop().future.set_exception(concurrent.futures.CancelledError())

    def close(self):
        assert not self.jobs, "the stop waits behind a picture that never comes"
        time.sleep(self.device.hang_on_close)
        if self in self.device.cameras:
            self.device.cameras.remove(self)
            self.device.opened -= 1
        self.started = False


def install(monkeypatch, *devices: Device) -> None:
    """Put the fakes where `import picamera2` and `import libcamera` find them."""
    FakePicamera2.devices = list(devices)
    picamera2, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
    picamera2.Picamera2 = FakePicamera2
    libcamera.Transform = Transform
    libcamera.ColorSpace = SimpleNamespace(Smpte170m=lambda: "SMPTE170M")
    monkeypatch.setitem(__import__("sys").modules, "picamera2", picamera2)
    monkeypatch.setitem(__import__("sys").modules, "libcamera", libcamera)
