"""`python -m edge image`: find faces and masks in single pictures, without tracking."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.options import Commands, configure
from edge.errors import PictureError
from edge.pictures.annotate import WORDS, annotate
from edge.pictures.files import read_picture, write_picture
from edge.preprocess import crop
from edge.sinks.jsonl import box_entry
from edge.types import Classification, Detection, Frame, Pixels

if TYPE_CHECKING:
    from edge.inference.faces import FaceDetector
    from edge.inference.masks import MaskClassifier

Face = tuple[Detection, Classification]


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Find faces and masks in pictures, without tracking."
    command = commands.add("image", handle, text, commands.models)
    command.add_argument(
        "paths", nargs="+", metavar="FILE-or-FOLDER", help="pictures, or folders of pictures"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a line")
    command.add_argument("--annotate", metavar="DIR", help="write annotated copies to this folder")
    command.add_argument(
        "--min-score",
        type=_score,
        metavar="S",
        help="minimum score of the detector, 0..1; faces with a lower score are left out",
    )


def handle(arguments: argparse.Namespace) -> int:
    """Find the faces of every picture, and print what each wears."""
    from edge.door import build_accelerator
    from edge.inference.shipped import build_classifier, build_detector

    config = configure(arguments, {"detector": {"score_threshold": arguments.min_score}})
    annotated = Path(arguments.annotate) if arguments.annotate else None
    paths = [Path(path) for path in arguments.paths]
    detector, classifier = build_detector(config.detector), build_classifier(config.classifier)
    with build_accelerator(config, detector, classifier, live=False) or nullcontext():
        return run_image(paths, detector, classifier, arguments.min_score or 0.0, annotated, arguments.json)


def _score(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not within 0..1")
    return value


def find_faces(
    pixels: Pixels, detector: FaceDetector, classifier: MaskClassifier, min_score: float = 0.0
) -> list[Face]:
    """Every face of a picture with what it wears, best first.

    pixels: uint8 (H, W, 3) RGB. min_score: detections with a lower score are left out, 0..1.
    """
    detections = [
        detection
        for detection in detector.detect(Frame(pixels, 0, 0.0, "image"))
        if detection.score >= min_score
    ]
    crops = [crop(pixels, detection.box, classifier.card.crop_margin) for detection in detections]
    return list(zip(detections, classifier.classify(crops), strict=True))


def picture_entry(file: Path, pixels: Pixels, faces: Sequence[Face]) -> dict[str, Any]:
    """One picture's result for JSON; boxes are [xmin, ymin, xmax, ymax], px of the upright picture."""
    height, width = pixels.shape[:2]
    found = [
        {
            "box": box_entry(detection.box),
            "score": round(detection.score, 4),
            "label": verdict.label,
            "scores": {label: round(score, 4) for label, score in verdict.scores.items()},
        }
        for detection, verdict in faces
    ]
    return {"file": str(file), "width": width, "height": height, "faces": found}


def process_pictures(
    paths: Sequence[Path],
    detector: FaceDetector,
    classifier: MaskClassifier,
    min_score: float,
    annotated: Path | None,
) -> Iterator[tuple[dict[str, Any] | None, str | None]]:
    """For each picture (entry, None), or (None, why it could not be read)."""
    from edge.sources.images import list_pictures

    for file in list_pictures(paths):
        try:
            pixels = read_picture(file)
        except PictureError as error:
            yield None, str(error)
            continue
        faces = find_faces(pixels, detector, classifier, min_score)
        if annotated is not None:
            write_picture(
                annotated / f"{file.stem}_annotated.jpg",
                annotate(pixels, [(d.box, c.label, c.score) for d, c in faces]),
            )
        yield picture_entry(file, pixels, faces), None


def run_image(
    paths: Sequence[Path],
    detector: FaceDetector,
    classifier: MaskClassifier,
    min_score: float,
    annotated: Path | None,
    as_json: bool,
) -> int:
    """Print each picture's faces. Returns the exit code: 0 if every picture could be read, else 1."""
    failed = 0
    for entry, problem in process_pictures(paths, detector, classifier, min_score, annotated):
        if entry is None:
            failed += 1
            print(problem, file=sys.stderr)
        elif as_json:
            print(json.dumps(entry, ensure_ascii=False), flush=True)
        else:
            print(_line(entry), flush=True)
    if failed:
        print(f"{failed} pictures could not be read", file=sys.stderr)
    return 1 if failed else 0


def _line(entry: dict[str, Any]) -> str:
    words = [
        f"{WORDS[face['label']]} {face['scores'][face['label']]:.0%} at {[round(v) for v in face['box']]}"
        for face in entry["faces"]
    ]
    return f"{entry['file']}: {'; '.join(words) or 'no face'}"
