"""Builds the parts that a configuration names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edge.config.indicators import DEFAULT_WIRING
from edge.config.reading import Config
from edge.decision import Policy, PolicySettings
from edge.errors import ConfigError, MaskEdgeError, ModelError, one_line
from edge.host.watch import BoardWatch
from edge.inference.card import load_card
from edge.inference.coral.accelerator import Accelerator, AcceleratorSettings
from edge.inference.faces import CascadeFaceDetector, FaceDetector, SSDFaceDetector
from edge.inference.masks import MaskClassifier
from edge.picture_health import STREAM_STILL_S, PictureHealth
from edge.pipeline import Pipeline
from edge.sinks.base import BackgroundSink, Sink
from edge.sinks.gpio.sink import GpioSink
from edge.sinks.jsonl import JsonLinesSink
from edge.sinks.log import LogSink
from edge.sinks.retry import RetryingSink
from edge.sinks.screen.sink import ScreenSink
from edge.sinks.snapshot import SnapshotSink
from edge.sinks.window.sink import WindowSink
from edge.sources.base import CameraSettings, Source
from edge.sources.opening import is_stream
from edge.tracking import Tracker, TrackerSettings

log = logging.getLogger(__name__)

_BESIDE, _INSTALLED = (
    Path(__file__).resolve().parent.parent / "models",
    Path(sys.prefix) / "share" / "mask-edge" / "models",
)
MODELS = _BESIDE if _BESIDE.is_dir() else _INSTALLED
"""The shipped models: beside the package in a checkout, under the environment's share/ where pip has put them."""

CLASSIFIER, DETECTOR, WIDE_DETECTOR = (
    "mask_classifier.tflite",
    "face_detector.tflite",
    "face_detector_wide.tflite",
)

HOLDING_SCORE = 0.75
"""A face that is followed needs this part of the score threshold."""

BEGINNING_SCORE = 0.2
"""A new one needs the threshold and this part of what it lacks to 1, at 0.5 ByteTrack's 0.1: a person comes nearer, a patterned cushion does not."""


def camera_settings(config: Config) -> CameraSettings:
    """What is asked of a camera: what is configured, and a small view of just the detector's input size. Raises ModelError."""
    source, camera = config.source, config.camera
    model = detector_path(config)
    card = load_card(model) if model else None
    return CameraSettings(
        source.width,
        source.height,
        source.fps,
        camera.hflip,
        camera.vflip,
        camera.rotation,
        camera.exposure_max_ms,
        (card.width, card.height) if card else None,
    )


def configured_detector(config: Config) -> Path | None:
    """The file that `[detector] model` asks for, whether it is there or not; None for the cascade."""
    model = config.detector.model
    named = {"auto": MODELS / DETECTOR, "wide": MODELS / WIDE_DETECTOR, "cascade": None}
    return named[model] if model in named else Path(model)


def detector_path(config: Config) -> Path | None:
    """The face detector's file; None for the cascade, to which `auto` falls back where its file is missing."""
    path = configured_detector(config)
    return None if path and config.detector.model == "auto" and not path.is_file() else path


def build_detector(config: Config) -> FaceDetector:
    """The configured face detector. Raises ModelError or MissingLibraryError."""
    settings, path = config.detector, detector_path(config)
    if path is None:
        return CascadeFaceDetector()
    return SSDFaceDetector(path, settings.threads, settings.score_threshold or None)


def classifier_path(config: Config) -> Path:
    """The configured mask classifier's file."""
    return MODELS / CLASSIFIER if config.classifier.model == "auto" else Path(config.classifier.model)


def build_classifier(config: Config) -> MaskClassifier:
    """The configured mask classifier. Raises ModelError or MissingLibraryError."""
    settings, path = config.classifier, classifier_path(config)
    if settings.model == "auto" and not path.is_file():
        raise ModelError(
            f"{path}: the shipped classifier is missing; install again, or set [classifier] model"
        )
    return MaskClassifier(path, settings.threads)


def build_accelerator(
    config: Config, detector: FaceDetector, classifier: MaskClassifier, live: bool
) -> Accelerator | None:
    """Puts the configured Edge TPU before the models; None for the CPU alone.

    live: do not wait for it, the CPU begins; otherwise it is tried first, so that one device runs all frames.
    """
    settings = config.accelerator
    if settings.use == "cpu":
        return None
    models = [*([detector.model] if isinstance(detector, SSDFaceDetector) else []), classifier.model]
    accelerator = Accelerator(
        models, AcceleratorSettings(settings.use == "edgetpu", settings.library, settings.slow_at)
    )
    if not live:
        accelerator.start()
    return accelerator


def build_health(config: Config) -> PictureHealth:
    """The watch over a live picture."""
    return PictureHealth(still_after_s=STREAM_STILL_S) if is_stream(config.source.uri) else PictureHealth()


def build_pipeline(config: Config, live: bool) -> Pipeline:
    """All stages. live: also watch for a black or frozen picture. Raises ModelError or MissingLibraryError."""
    decision = config.decision
    detector, classifier = build_detector(config), build_classifier(config)
    sure = 0.0
    if isinstance(detector, SSDFaceDetector):
        sure = detector.score_threshold + BEGINNING_SCORE * (1 - detector.score_threshold)
        detector.score_threshold *= HOLDING_SCORE
    return Pipeline(
        detector,
        classifier,
        Tracker(TrackerSettings(sure_score=sure, hold_s=decision.hold_s, min_face_px=decision.min_face_px)),
        Policy(PolicySettings(decision.min_on_s, decision.min_face_px, decision.max_faces)),
        config.classifier.budget,
        config.classifier.settled_every_s,
        build_health(config) if live else None,
        build_accelerator(config, detector, classifier, live),
    )


def build_sinks(config: Config, source: Source, stop: Callable[[], None]) -> list[Sink]:
    """The log and whatever else is switched on. Slow sinks of a live source get a thread of their own. Raises SinkError."""
    sinks: list[Sink] = [
        LogSink(config.log.summary_every_s, lambda: int(getattr(source, "dropped", 0)), BoardWatch())
    ]
    if config.jsonl.path:
        sinks.append(JsonLinesSink(config.jsonl.path, config.jsonl.frames == "all", wall_time=source.live))
    if config.snapshot.directory:
        snapshot = SnapshotSink(Path(config.snapshot.directory), config.snapshot.keep, config.snapshot.blur)
        sinks.append(BackgroundSink(snapshot) if source.live else snapshot)
    return sinks + build_indicators(config, stop)


def build_indicators(config: Config, stop: Callable[[], None]) -> list[Sink]:
    """What people at the door see. One that cannot be had is said, and the others go on: a missing lamp must not stop the door."""
    makers: dict[str, Callable[[], Sink]] = {}
    if config.gpio.configured:
        makers["gpio"] = lambda: RetryingSink("gpio", lambda: GpioSink(config.gpio))
    if config.screen.device:
        makers["screen"] = lambda: BackgroundSink(RetryingSink("screen", lambda: ScreenSink(config.screen)))
    if config.window.show:  # no thread of its own: OpenCV's windows belong to the one that runs the loop, which a second try would hold up
        makers["window"] = lambda: WindowSink(config.window, stop)
    sinks = []
    for name, make in makers.items():
        try:
            sinks.append(make())
        except MaskEdgeError as error:
            log.error("%s; the rest goes on without it", error)
        except Exception as error:
            log.error(
                "%s: %s; the rest goes on without it",
                name,
                one_line(error),
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
    return sinks


def switch_on(config: Config, names: Sequence[str]) -> Config:
    """With these indicators on (`--sink`): as configured, or with their default wiring. Raises ConfigError where that needs a pin that is taken."""
    try:
        if "gpio" in names and not config.gpio.configured:
            red, amber, green = DEFAULT_WIRING
            log.info(
                "gpio: no pin is configured; taking red GPIO %d, amber GPIO %d, green GPIO %d",
                red,
                amber,
                green,
            )
            config = replace(config, gpio=replace(config.gpio, red=red, amber=amber, green=green))
        if "screen" in names and not config.screen.device:
            log.info("screen: none is configured; taking an ssd1306 of 128x64 at address 0x3C of the I2C bus")
            config = replace(config, screen=replace(config.screen, device="ssd1306"))
    except ValueError as error:
        raise ConfigError(f"--sink: {error}") from error
    return replace(config, window=replace(config.window, show=True)) if "window" in names else config
