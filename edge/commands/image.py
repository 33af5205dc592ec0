"""`python -m edge image`: find faces and masks in single pictures, without tracking."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.options import Commands, configure
from edge.errors import PictureError, SinkError, SourceError, UsageError, printable
from edge.pictures.annotate import WORDS, annotate
from edge.pictures.copies import Copies
from edge.pictures.files import read_picture
from edge.preprocess import crop
from edge.sinks.entries import box_entry
from edge.types import Classification, Detection, Frame, Label, Pixels

if TYPE_CHECKING:
    from edge.inference.faces import FaceDetector
    from edge.inference.masks import MaskClassifier

Face = tuple[Detection, Classification]


def add_to(commands: Commands) -> None:
    """Add the command with its flags."""
    text = "Find faces and masks in pictures, without tracking."
    command = commands.add(
        "image",
        handle,
        text,
        commands.models,
        example="python -m edge image photo.jpg holiday/ --annotate out",
    )
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
    from edge.inference.tiles import tiled

    config = configure(arguments, {"detector": {"score_threshold": arguments.min_score}})
    annotated = Path(arguments.annotate) if arguments.annotate else None
    if "" in arguments.paths:
        raise UsageError("a path is empty", "give a picture or a folder; `.` is this one")
    paths = [Path(path) for path in arguments.paths]
    detector, classifier = build_detector(config.detector), build_classifier(config.classifier)
    with build_accelerator(config, detector, classifier, live=False) or nullcontext():
        detector = tiled(detector, config.detector.tiles, live=False, large=True)
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


class Tally:
    """Counts what happened, and says each problem on stderr as it comes."""

    def __init__(self) -> None:
        self.pictures = self.unread = self.unwritten = 0
        self.labels: Counter[Label] = Counter()

    def add(self, faces: Sequence[Face]) -> None:
        """Count one picture that could be read."""
        self.pictures += 1
        self.labels.update(verdict.label for _, verdict in faces)

    def say(self, problem: object) -> None:
        """Show one problem: a line on stderr."""
        sys.stdout.flush()
        print(problem, file=sys.stderr)

    def words(self, copies: Copies | None) -> str:
        """`3 pictures, 2 faces: 1 mask, 1 no mask; 1 picture could not be read`."""
        labels = ", ".join(f"{self.labels[label]} {WORDS[label]}" for label in WORDS if self.labels[label])
        parts = [
            f"{counted(self.pictures, 'picture')}, {counted(self.labels.total(), 'face')}"
            + (f": {labels}" if labels else "")
        ]
        if self.unread:
            parts.append(f"{counted(self.unread, 'picture')} could not be read")
        if copies is not None:
            folder = printable(copies.folder)
            parts.append(f"{counted(copies.written, 'annotated picture')} written to {folder}")
        if self.unwritten:
            parts.append(f"{self.unwritten} could not be written")
        return "; ".join(parts)


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(paths: Sequence[Path], tally: Tally, copies: Copies | None) -> Iterator[tuple[Path, Path]]:
    """Each picture, and the path that it was asked for by. What is missing or left out is said and counted.

    Raises SourceError where there is but one path, and it is missing.
    """
    from edge.sources.images import look_for_pictures

    for path in paths:
        try:
            found = look_for_pictures(path, copies.is_own if copies else lambda file: False)
        except SourceError as error:
            if len(paths) == 1:
                raise
            tally.unread += 1
            tally.say(error)
            continue
        for file in found.pictures:
            yield file, path
        tally.unread += found.unread
        if found.left_out:
            tally.say(f"{printable(path)}: {found.words()}")


def run_image(
    paths: Sequence[Path],
    detector: FaceDetector,
    classifier: MaskClassifier,
    min_score: float,
    annotated: Path | None,
    as_json: bool,
) -> int:
    """Print each picture's faces. Returns the exit code: 0 if every picture could be read, else 1."""
    tally, copies = Tally(), Copies(annotated) if annotated is not None else None
    for file, searched in listed(paths, tally, copies):
        try:
            pixels = read_picture(file)
        except PictureError as error:
            tally.unread += 1
            tally.say(error)
            continue
        faces = find_faces(pixels, detector, classifier, min_score)
        tally.add(faces)
        entry = picture_entry(file, pixels, faces)
        print(json.dumps(entry) if as_json else _line(entry), flush=True)
        if copies is not None:
            _annotate(copies, file, searched, pixels, faces, tally)
    if tally.pictures + tally.unread > 1 or copies is not None:
        tally.say(tally.words(copies))
    return 1 if tally.unread or tally.unwritten else 0


def _annotate(
    copies: Copies, file: Path, searched: Path, pixels: Pixels, faces: Sequence[Face], tally: Tally
) -> None:
    drawn = annotate(pixels, [(found.box, verdict.label, verdict.score) for found, verdict in faces])
    try:
        copies.write(file, searched, drawn)
    except SinkError as error:
        tally.unwritten += 1
        tally.say(error)


def _line(entry: dict[str, Any]) -> str:
    words = [
        f"{WORDS[face['label']]} {face['scores'][face['label']]:.0%} at {[round(v) for v in face['box']]}"
        for face in entry["faces"]
    ]
    return f"{printable(entry['file'])}: {'; '.join(words) or 'no face'}"
