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
"""RGB, told apart by colour-blind eyes as well (after Okabe and Ito)."""

WORDS = {
    Label.WITH_MASK: "mask",
    Label.WITHOUT_MASK: "no mask",
    Label.INCORRECT_MASK: "mask worn wrong",
    Label.UNKNOWN: "?",
}


def annotate(pixels: Pixels, faces: Iterable[tuple[BoundingBox, Label, float]]) -> Pixels:
    """A copy, uint8 (H, W, 3) RGB, with a box, a word and a score per face."""
    cv2 = import_cv2()
    out = pixels.copy()
    size = max(pixels.shape[:2])
    line, scale = max(1, round(size / 320)), max(0.4, size / 1000)
    for box, label, score in faces:
        colour = LABEL_COLOURS[label]
        corner, opposite = (round(box.xmin), round(box.ymin)), (round(box.xmax), round(box.ymax))
        cv2.rectangle(out, corner, opposite, colour, line)
        text = WORDS[label] if label is Label.UNKNOWN else f"{WORDS[label]} {score:.0%}"
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, line)
        left = max(0, min(corner[0], pixels.shape[1] - width))
        bottom = (
            corner[1] if corner[1] > height + below else min(opposite[1] + height + below, pixels.shape[0])
        )
        cv2.rectangle(out, (left, bottom - height - below), (left + width, bottom), colour, -1)
        cv2.putText(
            out,
            text,
            (left, bottom - below // 2),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (255, 255, 255),
            line,
            cv2.LINE_AA,
        )
    return out


def blur_faces(pixels: Pixels, boxes: Sequence[BoundingBox]) -> Pixels:
    """A copy with every face reduced to 6x6 cells: too few to know a person by."""
    cv2 = import_cv2()
    out = pixels.copy()
    for box in boxes:
        face = crop(out, box)  # a view: what is written into it is written into the copy
        cells = cv2.resize(face, (6, 6), interpolation=cv2.INTER_AREA)
        face[:] = cv2.resize(cells, (face.shape[1], face.shape[0]), interpolation=cv2.INTER_NEAREST)
    return out
