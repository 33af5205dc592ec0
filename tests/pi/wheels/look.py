"""Prints as JSON what the shipped models say of a folder's pictures, with two kinds of kernels.

Usage: python look.py FOLDER. Runs here and in the arm64 roots, with the reference and the default kernels.
Pictures and the models' int8 outputs are printed as hashes, to tell where a difference begins.
"""

import hashlib
import json
import platform
import sys
from pathlib import Path

import cv2
import numpy as np

from edge.commands.image import find_faces
from edge.inference.faces import SSDFaceDetector
from edge.inference.interpreter import import_runtime
from edge.inference.masks import MaskClassifier
from edge.inference.shipped import CLASSIFIER, DETECTOR, MODELS, WIDE_DETECTOR
from edge.pictures.files import read_picture
from edge.pictures.folders import find_pictures
from edge.preprocess import crop, resize
from edge.types import Frame


def digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:12]


def look(path: Path, detector: SSDFaceDetector, classifier: MaskClassifier) -> dict:
    pixels = read_picture(path)
    faces = find_faces(pixels, detector, classifier)
    size, margin = (classifier.card.width, classifier.card.height), classifier.card.crop_margin
    return {
        "pixels": digest(pixels),
        "detector input": digest(detector.prepare(Frame(pixels, 0, 0.0, "look"))),
        "detector outputs": [
            digest(output.values)
            for output in detector.model.run(detector.prepare(Frame(pixels, 0, 0.0, "look")))
        ],
        "crops": [digest(resize(crop(pixels, face.box, margin), *size)) for face, _ in faces],
        "boxes": [[face.box.xmin, face.box.ymin, face.box.xmax, face.box.ymax] for face, _ in faces],
        "face scores": [face.score for face, _ in faces],
        "labels": [verdict.label for _, verdict in faces],
        "mask scores": [dict(verdict.scores) for _, verdict in faces],
        "readable": [
            f"{verdict.label} {verdict.score:.3f} at {[round(v) for v in (face.box.xmin, face.box.ymin)]}"
            for face, verdict in faces
        ],
    }


def main() -> None:
    runtime = import_runtime().name
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, OpenCV {cv2.__version__}"
    found = {"machine": f"{platform.machine()}, {runtime}, {versions}"}
    for kernels in ("reference", "default"):
        options = {"threads": 1, "reference_kernels": kernels == "reference"}
        classifier, found[kernels] = MaskClassifier(MODELS / CLASSIFIER, **options), {}
        for name in (DETECTOR, WIDE_DETECTOR):
            detector = SSDFaceDetector(MODELS / name, **options)
            found[kernels] |= {
                f"{path.name} by {name}": look(path, detector, classifier)
                for path in find_pictures(Path(sys.argv[1]))
            }
    print(json.dumps(found))


main()
