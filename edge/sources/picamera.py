"""The Raspberry Pi's camera modules, through picamera2 and libcamera."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.config.tables import CameraConfig, SourceConfig
from edge.errors import MissingLibraryError, SourceError
from edge.host.access import may_use, no_permission
from edge.optional import import_cv2
from edge.sources.base import Pace, SourceDefaults
from edge.sources.orientation import Orientation
from edge.sources.pixelformats import converter
from edge.types import Frame, Pixels

log = logging.getLogger(__name__)

NO_PICTURE_S = 5.0
"""Seconds without a picture after which a camera is lost: a loose cable, or a driver that has stopped.

Start-up takes one to two seconds.
"""

CHECK_CABLE = "check both ends of its ribbon cable with the power off"

AI_CAMERA = "imx500"
"""The model of Raspberry Pi's AI Camera.

Used as a plain camera it hangs until the next boot, once it was opened 20 to 25 times (issue 7613 of
raspberrypi/linux).
"""

AI_BACK_OFF_S = (5.0, 30.0, 120.0, 600.0)
"""Seconds between attempts to open an AI Camera that is lost: as few as may be."""

REBOOT = "this AI Camera (imx500) stops after it was opened 20 to 25 times, and then only a reboot helps"

SHORT_EXPOSURE_MODE = 1
CONTINUOUS_AUTOFOCUS = 2
"""libcamera's AeExposureModeEnum.Short and AfModeEnum.Continuous: the same in all releases."""


class PiCameraSource(SourceDefaults):
    """A camera module by its number, in real time.

    The full view comes as BGR888, which is R,G,B in memory, and the detector's view from `lores`. Another
    format, if the camera gives one, is converted. Frames come no faster than source.fps, while the sensor
    runs as fast as the longest exposure demands.

    Raises MissingLibraryError without picamera2, SourceError where the camera cannot be used or is lost.
    """

    live = True

    def __init__(
        self,
        number: int = 0,
        source: SourceConfig | None = None,
        camera: CameraConfig | None = None,
        preview: tuple[int, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """number: which camera, from 0. preview: width and height (px) of the detector's view, or None."""
        self.name, self._clock, self._index = f"picamera:{number}", clock, 0
        self._source, self._config, self._preview = (
            source or SourceConfig(),
            camera or CameraConfig(),
            preview,
        )
        self._number = number
        self._closed = threading.Event()
        self._job: Any = None  # the request for a picture that picamera2 still owes us
        import_cv2()
        picamera2, self._libcamera = _import_libraries()
        self._camera = _open_camera(picamera2.Picamera2, number, self.name)
        try:
            self._configure()
            self._camera.start()
        except Exception as error:
            self.close()
            raise error if isinstance(error, SourceError) else _explain(error, self.name) from error
        self._last_at = clock()
        self._pace = Pace(1 / self._source.fps, self._last_at)

    @property
    def finished(self) -> bool:
        return self._closed.is_set()

    def read(self, timeout: float) -> Frame | None:
        deadline = self._clock() + timeout
        closed = self._closed.wait(max(0.0, min(self._pace.next_at - self._clock(), timeout)))
        if closed or self._clock() < self._pace.next_at:
            return None
        with self._request(max(0.0, deadline - self._clock())) as request:
            if request is None:
                return None
            pixels = self._view(request, "main")
            preview = self._view(request, "lores") if "lores" in self._to_rgb else None
        now = self._last_at = self._clock()
        self._pace.took(now)
        frame = Frame(pixels, self._index, now, self.name, preview)
        self._index += 1
        return frame

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            self._camera.cancel_all_and_flush()  # else the stop waits behind a picture that never comes
            if self._job is not None:
                self._job.get_result(timeout=0).release()
        except Exception as error:  # the usual case: cancelled, and no picture to give back
            log.debug("%s: no picture under way (%r)", self.name, error)
        try:
            self._camera.close()
        except Exception as error:  # a camera that is gone cannot be closed in an orderly way
            log.debug("%s: closing: %r", self.name, error)

    @contextmanager
    def _request(self, timeout: float) -> Iterator[Any]:
        """The next picture, given back to the camera at the end; or None after `timeout` seconds.

        Raises SourceError where none comes any more.
        """
        request = None
        try:
            # A job that has timed out stays in picamera2's queue and would keep its picture for ever:
            # so the same one is waited for again.
            self._job = self._job or self._camera.capture_request(wait=False)
            request = self._camera.wait(self._job, timeout)
            self._job = None
        except TimeoutError:
            if self._clock() - self._last_at >= NO_PICTURE_S:
                cure = REBOOT if camera_model(self._number) == AI_CAMERA else CHECK_CABLE
                raise SourceError(f"{self.name}: gives no more pictures", cure) from None
        except Exception as error:
            raise _explain(error, self.name) from error
        try:
            yield request
        finally:
            if request is not None:
                request.release()

    def _view(self, request: Any, stream: str) -> Pixels:
        """One stream of a request, upright, uint8 (H, W, 3) RGB."""
        return self._upright(self._to_rgb[stream](request.make_array(stream)))

    def _configure(self) -> None:
        """Ask for what is configured, and take what the camera gives."""
        wanted = Orientation.of(self._config.hflip, self._config.vflip, self._config.rotation)
        self._camera.configure(self._wanted_configuration(wanted))
        given = self._camera.camera_configuration()
        self.format = str(given["main"]["format"])
        small = given.get("lores") and given["lores"]["size"] < given["main"]["size"]
        streams = ("main", "lores") if small else ("main",)  # one as large would only be converted twice
        self._to_rgb = {stream: self._converter(given[stream]) for stream in streams}
        transform = given["transform"]
        self._upright = wanted.remaining(bool(transform.hflip), bool(transform.vflip)).apply
        kinds = {name: [given[name][key] for key in ("format", "size", "stride")] for name in streams}
        log.debug("%s: %s", self.name, kinds)

    def _wanted_configuration(self, wanted: Orientation) -> Any:
        """picamera2's configuration for a camera that does the flips itself; the turn is left for us."""
        size = wanted.size(self._source.width, self._source.height)
        lores = wanted.size(*self._preview) if self._preview else None
        fits = lores is not None and lores[0] <= size[0] and lores[1] <= size[1]
        mode = self._sensor_mode(size)
        return self._camera.create_video_configuration(
            main={"format": "BGR888", "size": size},
            lores={"format": "YUV420", "size": lores} if fits else None,
            raw=None,
            transform=self._libcamera.Transform(hflip=wanted.hflip, vflip=wanted.vflip),
            colour_space=self._libcamera.ColorSpace.Smpte170m(),  # BT.601, as OpenCV reads YUV
            buffer_count=4,
            controls=self._controls(self._camera.camera_controls),
            display=None,
            encode=None,
            **({"sensor": mode} if mode else {}),
        )

    def _sensor_mode(self, size: tuple[int, int]) -> dict[str, Any] | None:
        """The mode with the widest view; None leaves the choice to libcamera.

        A USB camera has no modes, and a Pi may lack the memory to list them.
        """
        if "ColorFilterArrangement" not in self._camera.camera_properties:
            return None
        try:
            return choose_sensor_mode(self._camera.sensor_modes, size, 1e6 / self._frame_us())
        except (OSError, RuntimeError) as error:
            log.debug("%s: the sensor's modes cannot be listed (%s): libcamera chooses", self.name, error)
            return None

    def _converter(self, stream: Mapping[str, Any]) -> Callable[[Any], Any]:
        try:
            return converter(stream["format"], stream["size"][0])
        except KeyError:
            raise SourceError(
                f"{self.name}: gives pictures as {stream['format']}, which cannot be read here",
                "use another camera",
            ) from None

    def _frame_us(self) -> int:
        """Microseconds between two pictures of the sensor: an exposure can never be longer than that."""
        period = 1e6 / self._source.fps
        return round(min(period, self._config.exposure_max_ms * 1e3 or period))

    def _controls(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """What this camera can be told; what it does not know is left out.

        These are: the frame rate, which limits the exposure; more gain rather than a longer exposure; and
        continuous autofocus.
        """
        duration = self._frame_us()
        wanted: dict[str, Any] = {"FrameDurationLimits": (duration, duration), "AfMode": CONTINUOUS_AUTOFOCUS}
        if self._config.exposure_max_ms:
            wanted["AeExposureMode"] = SHORT_EXPOSURE_MODE
        lacking = sorted(set(wanted) - set(known))
        if lacking:
            log.debug("%s: this camera has no %s: left out", self.name, ", ".join(lacking))
        return {name: value for name, value in wanted.items() if name in known}


def choose_sensor_mode(
    modes: Sequence[Mapping[str, Any]], size: tuple[int, int], fps: float
) -> dict[str, Any] | None:
    """The sensor mode with the widest view, as picamera2's `sensor` configuration.

    libcamera itself takes the mode nearest in size, which on several sensors shows only the middle of the
    scene. Among the widest modes: one that is large enough (size: width, height px) and fast enough (fps),
    then the smallest. None where the modes say too little.
    """
    known = [mode for mode in modes if {"size", "bit_depth", "crop_limits", "fps"} <= set(mode)]
    if not known:
        return None
    area = max(mode["crop_limits"][2] * mode["crop_limits"][3] for mode in known)
    widest = [mode for mode in known if mode["crop_limits"][2] * mode["crop_limits"][3] == area]

    def preference(mode: Mapping[str, Any]) -> tuple[bool, float, int, int]:
        width, height = mode["size"]
        return (
            width < size[0] or height < size[1],
            max(0.0, fps - mode["fps"]),
            width * height,
            -mode["bit_depth"],
        )

    best = min(widest, key=preference)
    return {"output_size": tuple(best["size"]), "bit_depth": best["bit_depth"]}


def camera_model(number: int) -> str:
    """The model of a camera, as in `imx219`, without opening it; empty where it is not known or not there."""
    try:
        picamera2, _ = _import_libraries()
        return str(picamera2.Picamera2.global_camera_info()[number].get("Model", ""))
    except Exception as error:  # whatever it is, opening the camera says it in our words
        log.debug("picamera:%d: its model is not known: %r", number, error)
        return ""


def _import_libraries() -> tuple[Any, Any]:
    # Else every opening writes a dozen lines past our log.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:ERROR")
    try:
        import libcamera
        import picamera2
    except ImportError as error:
        raise MissingLibraryError(
            f"picamera2 is missing ({error})",
            "`sudo apt install python3-picamera2`; "
            "a virtual environment must be made with --system-site-packages",
        ) from error
    # What picamera2 logs also comes as an exception, which we put into our own words.
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    return picamera2, libcamera


def _open_camera(kind: Any, number: int, name: str, devices: Path = Path("/dev")) -> Any:
    """Raises SourceError that tells missing, forbidden and busy apart.

    kind: picamera2's class Picamera2. number: which camera.
    """
    try:
        present = kind.global_camera_info()
        if number < len(present):
            return kind(number)
    except Exception as error:
        raise _explain(error, name) from error
    if present:
        listed = ", ".join(
            f"picamera:{i} {entry.get('Model', '')}".strip() for i, entry in enumerate(present)
        )
        raise SourceError(f"{name}: no such camera (present: {listed})", "choose one of these")
    forbidden = next((path for path in sorted(devices.glob("media*")) if not may_use(path)), None)
    if forbidden:
        raise SourceError(*no_permission(forbidden, "video", name))
    raise SourceError(
        f"{name}: no camera found", f"{CHECK_CABLE}; `rpicam-hello --list-cameras` shows what is there"
    )


def _explain(error: BaseException, name: str) -> SourceError:
    """What went wrong in picamera2, by the first error in the chain: the later ones say nothing."""
    root = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    text = str(root) or type(root).__name__
    if isinstance(root, PermissionError) or "permission denied" in text.lower():
        where = getattr(root, "filename", None) or "the camera"
        return SourceError(*no_permission(where, "video", name))
    if "busy" in text.lower():
        return SourceError(
            f"{name}: in use by another program",
            "`sudo fuser -v /dev/media* /dev/video*` shows which: stop it",
        )
    return SourceError(
        f"{name}: cannot be used ({text.splitlines()[0]})",
        "`rpicam-hello` shows whether the system's own program can use it",
    )
