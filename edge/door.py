"""A door: a source, a pipeline and sinks, built from one configuration."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from edge.config.reading import Config
from edge.counts import Counts
from edge.decision import Policy
from edge.errors import MaskEdgeError, one_line
from edge.host.sdnotify import Supervision
from edge.inference.coral.accelerator import Accelerator
from edge.inference.faces import FaceDetector, SSDFaceDetector
from edge.inference.masks import MaskClassifier
from edge.inference.shipped import build_classifier, build_detector, detector_input_size
from edge.inference.tiles import tiled
from edge.loop import Loop, close_all
from edge.picture_health import STREAM_STILL_S, PictureHealth
from edge.pictures.privacy import FAINTEST_SCORE
from edge.pipeline import Pipeline
from edge.sinks import kinds
from edge.sinks.base import Sink, SinkKind, Surroundings
from edge.sources.base import Source
from edge.sources.opening import open_source
from edge.tracking import Tracker

log = logging.getLogger(__name__)

HOLDING_SCORE = 0.75
"""A face that is already tracked needs this share of the score threshold."""

STARTING_SCORE = 0.2
"""A new face needs a score of t + STARTING_SCORE (1 - t), where t is the score threshold.

With t = 0.5 that is 0.1 above it, as in ByteTrack (Zhang et al. 2022). A person comes nearer and reaches it;
a patterned cushion does not.
"""


@dataclass(slots=True)
class Door:
    """One door, open. Close it, or use it as a context manager."""

    name: str
    source: Source
    pipeline: Pipeline
    sinks: list[Sink] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    _open: bool = True

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, stale_after_s: float, stop: threading.Event, supervision: Supervision) -> int:
        """Decide until the source ends or `stop` is set; closes everything.

        Returns how many results were lost that were to be stored. Raises SourceError, StageError.
        """
        loop = Loop(
            self.source,
            self.pipeline,
            self.sinks,
            stale_after_s,
            counts=self.counts,
            stop=stop,
            supervision=supervision,
        )
        self._open = False  # the loop closes everything
        return loop.run()

    def close(self) -> None:
        """Give everything back; may be called twice."""
        if self._open:
            self._open = False
            close_all(self.sinks, self.source, self.pipeline)


def open_door(config: Config, on_quit: Callable[[], None], source: Source | None = None) -> Door:
    """The configured door with all its sinks; its models have run once.

    on_quit: called when a sink asks for the end of the program, as the window does.
    source: taken instead of the configured one; it is closed with the door.
    Raises MaskEdgeError where a part is missing that the door cannot work without. Then nothing is left open.
    """
    with ExitStack() as opened:
        source = open_camera(config) if source is None else source
        opened.callback(source.close)
        pipeline = build_pipeline(config, source.live)
        opened.callback(pipeline.close)
        pipeline.warm_up()
        door = Door(config.door.name, source, pipeline)
        door.sinks += build_sinks(config, Surroundings(door.name, source.live, door.counts, on_quit))
        opened.pop_all()
    return door


def open_door_without_sinks(config: Config, source: Source) -> Door:
    """A door to measure: every frame is decided, and no sink gets the result.

    Raises MaskEdgeError; then nothing is left open.
    """
    with ExitStack() as opened:
        opened.callback(source.close)
        pipeline = build_pipeline(config, live=False, tiles=not source.live)
        opened.pop_all()
    return Door(config.door.name, source, pipeline)


def open_camera(config: Config) -> Source:
    """The configured source; its preview is as large as the detector's input.

    Raises SourceError, MissingLibraryError, ModelError.
    """
    return open_source(config.source, config.camera, detector_input_size(config.detector))


def build_accelerator(
    config: Config, detector: FaceDetector, classifier: MaskClassifier, live: bool
) -> Accelerator | None:
    """The configured Edge TPU, which runs the models in place of the CPU; None for the CPU alone.

    live: begin on the CPU, and change to the Edge TPU once it has passed its trial. Otherwise wait for the
    trial, so that one device runs all frames.
    """
    if config.accelerator.use == "cpu":
        return None
    models = [*([detector.model] if isinstance(detector, SSDFaceDetector) else []), classifier.model]
    accelerator = Accelerator(models, config.accelerator)
    if not live:
        accelerator.start()
    return accelerator


def build_health(config: Config) -> PictureHealth:
    """The checks of a live picture, with the patience that this kind of source needs."""
    return PictureHealth(still_after_s=STREAM_STILL_S) if config.source.uri.is_stream else PictureHealth()


def build_pipeline(config: Config, live: bool, tiles: bool | None = None) -> Pipeline:
    """All stages. live: check also for a black, covered or frozen picture.

    tiles: whether `[detector] tiles = "auto"` means tiles; None: where the source is not live.
    Raises ModelError or MissingLibraryError.
    """
    detector, classifier = build_detector(config.detector), build_classifier(config.classifier)
    sure_score, min_score = 0.0, None
    if isinstance(detector, SSDFaceDetector):
        threshold = detector.score_threshold
        sure_score, min_score = threshold + STARTING_SCORE * (1 - threshold), threshold * HOLDING_SCORE
    return Pipeline(
        tiled(detector, config.detector.tiles, live if tiles is None else not tiles),
        classifier,
        Tracker(config.decision, sure_score),
        Policy(config.decision),
        config.classifier,
        min_score,
        build_health(config) if live else None,
        FAINTEST_SCORE if any_blurs(config) else None,
        build_accelerator(config, detector, classifier, live),
    )


def any_blurs(config: Config) -> bool:
    """Whether a sink that is on needs everything that only faintly looks like a face."""
    tables = [(kind, config.of(kind)) for kind in kinds.KINDS]
    return any(kind.is_on(table) and kind.blurs(table) for kind, table in tables)


def build_sinks(config: Config, around: Surroundings) -> list[Sink]:
    """All sinks that are switched on.

    A sink that cannot be opened is logged and left out: a missing lamp must not stop the door. But one with
    `must_open` raises its MaskEdgeError; then no sink is left open.
    """
    sinks: list[Sink] = []
    with ExitStack() as opened:
        for kind in kinds.KINDS:
            sink = _build_sink(kind, config, around) if kind.is_on(config.of(kind)) else None
            if sink is not None:
                opened.callback(sink.close)
                sinks.append(sink)
        opened.pop_all()
    return sinks


def _build_sink(kind: SinkKind[Any], config: Config, around: Surroundings) -> Sink | None:
    try:
        return kind.build(config.of(kind), around)
    except MaskEdgeError as error:
        if kind.must_open:
            raise
        log.error("%s; the rest goes on without it", error)
    except Exception as error:
        debug = log.isEnabledFor(logging.DEBUG)
        log.error("%s: %s; the rest goes on without it", kind.name, one_line(error), exc_info=debug)
    return None
