"""Where models lie, and which one a configuration means."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from edge.config.tables import ClassifierConfig, DetectorConfig
from edge.errors import Advice, ModelError
from edge.host.packages import packages_folder
from edge.inference.card import load_card
from edge.inference.cascade import CascadeFaceDetector
from edge.inference.faces import FaceDetector, SSDFaceDetector
from edge.inference.masks import MaskClassifier

log = logging.getLogger(__name__)

_BESIDE, _INSTALLED = packages_folder() / "models", Path(sys.prefix) / "share" / "mask-edge" / "models"
MODELS = _BESIDE if _BESIDE.is_dir() else _INSTALLED
"""The shipped models: beside the package in a checkout, else where pip puts them in its environment."""

CLASSIFIER = "mask_classifier.tflite"
DETECTOR, WIDE_DETECTOR = "face_detector.tflite", "face_detector_wide.tflite"


def asked_detector(config: DetectorConfig) -> Path | None:
    """The file that `[detector] model` asks for, whether it is there or not; None for the cascade."""
    named = {"auto": MODELS / DETECTOR, "wide": MODELS / WIDE_DETECTOR, "cascade": None}
    return named[config.model] if config.model in named else Path(config.model)


def falls_back(config: DetectorConfig) -> Advice | None:
    """What it means that the cascade takes the place of a missing `auto` detector; None where it does not."""
    path = asked_detector(config)
    if config.model != "auto" or path is None or path.is_file():
        return None
    return Advice(
        f"{path} is missing: OpenCV's cascade finds the faces instead, and loses most masked ones",
        "install again, or set [detector] model to the path of a detector",
    )


def detector_path(config: DetectorConfig) -> Path | None:
    """The file of the detector that is used; None for the cascade."""
    return None if falls_back(config) else asked_detector(config)


def detector_input_size(config: DetectorConfig) -> tuple[int, int] | None:
    """Width and height (px) of the detector's input picture; None for the cascade. Raises ModelError."""
    path = detector_path(config)
    if path is None:
        return None
    card = load_card(path)
    return card.width, card.height


def build_detector(config: DetectorConfig) -> FaceDetector:
    """The configured face detector; where it is the cascade by default, the log says so.

    Raises ModelError or MissingLibraryError.
    """
    advice, path = falls_back(config), detector_path(config)
    if advice:
        log.warning("%s", advice)
    if path is None:
        return CascadeFaceDetector()
    return SSDFaceDetector(path, config.threads, config.score_threshold or None)


def classifier_path(config: ClassifierConfig) -> Path:
    """The configured mask classifier's file."""
    return MODELS / CLASSIFIER if config.model == "auto" else Path(config.model)


def build_classifier(config: ClassifierConfig) -> MaskClassifier:
    """The configured mask classifier. Raises ModelError or MissingLibraryError."""
    path = classifier_path(config)
    if config.model == "auto" and not path.is_file():
        raise ModelError(
            f"{path}: the shipped classifier is missing", "install again, or set [classifier] model"
        )
    return MaskClassifier(path, config.threads)
