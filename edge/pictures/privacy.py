"""Faces made unrecognisable before a picture is stored or shown."""

from __future__ import annotations

from edge.pictures.annotate import blur_faces
from edge.types import BoundingBox, FrameResult, Pixels

FAINTEST_SCORE = 0.05
"""A detection that scores this much is blurred. Far below what counts as a face.

A blurred cushion harms nobody.
"""


def blurred_picture(result: FrameResult) -> Pixels | None:
    """A result's picture in which nobody can be recognised; None where it has no picture.

    Returns uint8 (H, W, 3) RGB, a copy. Blurred are the tracks, all detections, and what only faintly looks
    like a face. Where nobody looked for those (`faint` is None), the whole picture is.
    """
    if result.frame is None:
        return None
    if result.faint is None:
        whole = BoundingBox(0, 0, result.frame.width, result.frame.height)
        return blur_faces(result.frame.pixels, [whole])
    known = [track.box for track in result.tracks] + [detection.box for detection in result.detections]
    return blur_faces(result.frame.pixels, [*known, *result.faint])
