"""Draws boxes and labels onto a copy of a picture, and makes faces unrecognisable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge.optional import import_cv2
from edge.preprocess import crop
from edge.types import BoundingBox, Label, Pixels

LABEL_COLOURS = {
    Label.WITH_MASK: (0, 158, 115),
    Label.WITHOUT_MASK: (213, 60, 40),
    Label.INCORRECT_MASK: (230, 159, 0),
    Label.UNKNOWN: (120, 120, 120),
}
"""RGB; colour-blind people can tell them apart too (after Okabe and Ito)."""

WORDS = {
    Label.WITH_MASK: "mask",
    Label.WITHOUT_MASK: "no mask",
    Label.INCORRECT_MASK: "mask worn wrong",
    Label.UNKNOWN: "?",
}


def annotate(pixels: Pixels, faces: Iterable[tuple[BoundingBox, Label, float]]) -> Pixels:
    """A copy, uint8 (H, W, 3) RGB, with a box, a word and a score per face."""
    out = pixels.copy()
    for box, label, score in faces:
        text = WORDS[label] if label is Label.UNKNOWN else f"{WORDS[label]} {score:.0%}"
        _draw_face(out, box, text, LABEL_COLOURS[label])
    return out


def _draw_face(out: Pixels, box: BoundingBox, text: str, colour: tuple[int, int, int]) -> None:
    """A box, and its text above it, or below where there is no room above; in place. colour: RGB."""
    cv2 = import_cv2()
    size, font = max(out.shape[:2]), cv2.FONT_HERSHEY_SIMPLEX
    line, scale = max(1, round(size / 320)), max(0.4, size / 1000)
    corner, opposite = (round(box.xmin), round(box.ymin)), (round(box.xmax), round(box.ymax))
    cv2.rectangle(out, corner, opposite, colour, line)
    (width, height), below = cv2.getTextSize(text, font, scale, line)
    left = max(0, min(corner[0], out.shape[1] - width))
    above = corner[1] > height + below
    bottom = corner[1] if above else min(opposite[1] + height + below, out.shape[0])
    cv2.rectangle(out, (left, bottom - height - below), (left + width, bottom), colour, -1)
    start = (left, bottom - below // 2)
    cv2.putText(out, text, start, font, scale, (255, 255, 255), line, cv2.LINE_AA)


def blur_faces(pixels: Pixels, boxes: Sequence[BoundingBox]) -> Pixels:
    """A copy with every face reduced to 6x6 cells, too few to recognise a person."""
    cv2 = import_cv2()
    out = pixels.copy()
    for box in boxes:
        face = crop(out, box)  # a view: what is written into it is written into the copy
        cells = cv2.resize(face, (6, 6), interpolation=cv2.INTER_AREA)
        face[:] = cv2.resize(cells, (face.shape[1], face.shape[0]), interpolation=cv2.INTER_NEAREST)
    return out
