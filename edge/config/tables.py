"""The configuration tables of all but the sinks: each sink's file brings its own."""

from __future__ import annotations

from dataclasses import dataclass

from edge.address import Address
from edge.config.option import option


@dataclass(frozen=True, slots=True)
class DoorConfig:
    """The door itself."""

    name: str = option("door", "this door's name in every JSON line: 1 to 64 letters, digits, - and _")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where frames come from."""

    uri: Address = option(
        Address("usb:0"),
        "demo, picamera, usb:0, usb:/dev/v4l/by-id/..., rtsp://..., a video file, a picture, "
        "or a folder of pictures",
    )
    width: int = option(640, "px: width of a camera's picture after its rotation", 64)
    height: int = option(480, "px: height of a camera's picture after its rotation", 48)
    fps: int = option(15, "frames a second of a camera, at most", 1)
    wait: bool = option(
        False,
        "true: wait for a camera that is not there at the start, as a service does; false: that is an error",
    )
    stale_after_s: float = option(
        2.0, "seconds without a frame after which the decision is uncertain", 0.1, 60
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "uri", Address.of(self.uri))


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """For a camera mounted sideways or upside down, and its exposure."""

    hflip: bool = option(False, "mirror left and right")
    vflip: bool = option(False, "mirror top and bottom")
    rotation: int = option(
        0, "degrees clockwise, after the mirroring: 0, 90, 180 or 270", choices=(0, 90, 180, 270)
    )
    format: str = option(
        "auto",
        "what a USB camera is asked for: mjpg, yuyv, or auto (mjpg above 640x480, since uncompressed frames "
        "of such a size come a few times a second over USB 2); a camera that cannot gives what it has",
        choices=("auto", "mjpg", "yuyv"),
    )
    exposure_max_ms: float = option(
        20.0,
        "milliseconds: longest exposure of a camera module, short enough that moving faces stay sharp; "
        "0: as long as a frame",
        0,
    )


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """Finding faces."""

    model: str = option(
        "auto",
        "auto (for a door), wide (for a hall: finds more small faces, takes nearly five times as long), "
        "cascade (OpenCV's; misses most masked faces), or the path of a .tflite file with its card",
    )
    score_threshold: float = option(
        0.0,
        "minimum score t, 0..1; `run` starts a track at t + 0.2 (1 - t) and keeps it at 0.75 t; "
        "0: the threshold on the model's card",
        0,
    )
    threads: int = option(0, "processor cores for the detector; 0: all, at most 4", 0)
    tiles: str = option(
        "auto",
        "look at views wider than 2.5:1, in which faces are missed, in 3 and more overlapping tiles, each of "
        "which takes the detector's time: auto (files: yes; cameras: no, but the log says it), on, or off",
        choices=("auto", "on", "off"),
    )


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """Telling what a face wears."""

    model: str = option("auto", "auto (the shipped classifier), or the path of a .tflite file with its card")
    threads: int = option(0, "processor cores for the classifier; 0: all, at most 4", 0)
    budget: int = option(
        2, "classifications in one frame, at most, so that a crowd does not lower the frame rate", 1
    )
    settled_every_s: float = option(
        0.5, "seconds between two classifications of a face whose label is settled", 0
    )


@dataclass(frozen=True, slots=True)
class AcceleratorConfig:
    """A Coral Edge TPU, which runs the *_edgetpu.tflite files beside the models."""

    use: str = option(
        "auto",
        "auto (use the Edge TPU only if it gives the CPU's results for a test picture in less time), "
        "cpu (never), edgetpu (as auto, but the door is degraded without one)",
        choices=("auto", "cpu", "edgetpu"),
    )
    library: str = option(
        "libedgetpu.so.1", "the Edge TPU's library: a name that the loader finds, or a path"
    )
    slow_at: float = option(
        1.0, "multiple of the CPU's time that the Edge TPU may take; a slower one is not used", 0
    )


@dataclass(frozen=True, slots=True)
class DecisionConfig:
    """From faces to what the door says."""

    hold_s: float = option(0.5, "seconds a new label must lead before it replaces the current one", 0, 60)
    min_on_s: float = option(
        0.8, "seconds that pass and deny stay at least, so that lamps and relays do not flicker", 0, 60
    )
    min_face_px: float = option(
        24.0, "px: minimum height of a face; a lower one stays unknown and has no part in the decision", 1
    )
    max_faces: int = option(
        0, "faces in view, at most; more are denied; 1: the screen says ONE AT A TIME; 0: any number", 0
    )
