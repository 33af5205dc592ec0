"""The picture for a window or monitor: the camera's view with boxes, and words readable from 3 m."""

from __future__ import annotations

import numpy as np

from edge.optional import import_cv2
from edge.pictures.annotate import LABEL_COLOURS
from edge.sinks.message import STATE_COLOURS, Message, message_for
from edge.types import BoundingBox, FrameResult, Label, Pixels, State, TrackStatus

SHORT = {
    Label.WITH_MASK: "mask",
    Label.WITHOUT_MASK: "no mask",
    Label.INCORRECT_MASK: "wrong",
    Label.UNKNOWN: "?",
}

BANNER = 0.24
"""Share of the height that the words below the view take."""

LABEL = 0.066
"""Height of a label's capitals as a share of the view's height.

On a monitor 300 mm high that is 15 mm, which is readable from 3 m (1 in 200).
"""

GROUNDS = STATE_COLOURS | {State.IDLE: (60, 60, 60)}
"""Behind the words, RGB."""

Rectangle = tuple[int, int, int, int]
"""left, top, right, bottom, px."""


def draw_signboard(result: FrameResult, width: int, height: int) -> Pixels:
    """uint8 (height, width, 3) RGB. Without a frame the upper part is black.

    Raises MissingLibraryError without OpenCV.
    """
    out = np.zeros((height, width, 3), np.uint8)
    banner = round(height * BANNER)
    if result.frame is not None:
        _draw_view(out[: height - banner], result)
    _draw_banner(out[height - banner :], message_for(result))
    return out


def _draw_view(area: Pixels, result: FrameResult) -> None:
    """The frame as large as it fits into the area, with its faces."""
    assert result.frame is not None
    view, scale = _paste(area, result.frame.pixels)
    tracks = [track for track in result.tracks if track.status is not TrackStatus.LOST]
    faces = [(track.label, track.box.scale(scale, scale)) for track in tracks]
    for label, box in faces:
        _draw_box(view, box, LABEL_COLOURS[label])
    placed: list[Rectangle] = []
    for label, box in faces:  # after all boxes, so that no box crosses a word
        placed.append(_draw_label(view, SHORT[label], box, LABEL_COLOURS[label], placed))


def _paste(area: Pixels, pixels: Pixels) -> tuple[Pixels, float]:
    """Draw a picture into the area, centred and as large as it fits. Returns that part, and the scale."""
    cv2 = import_cv2()
    scale = min(area.shape[1] / pixels.shape[1], area.shape[0] / pixels.shape[0])
    width, height = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    left, top = (area.shape[1] - width) // 2, (area.shape[0] - height) // 2
    view = area[top : top + height, left : left + width]
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    view[:] = cv2.resize(pixels, (width, height), interpolation=interpolation)
    return view, scale


def _draw_box(view: Pixels, box: BoundingBox, colour: tuple[int, int, int]) -> None:
    corners = (round(box.xmin), round(box.ymin)), (round(box.xmax), round(box.ymax))
    import_cv2().rectangle(view, *corners, colour, max(2, view.shape[0] // 110))


def _draw_label(
    view: Pixels, text: str, box: BoundingBox, colour: tuple[int, int, int], placed: list[Rectangle]
) -> Rectangle:
    """Draw a label at the box where no other label is, smaller in a crowd. Returns where it is.

    placed: where the other labels are.
    """
    cv2 = import_cv2()
    for share in (LABEL, LABEL * 0.7, LABEL * 0.5):
        scale, thickness = _fit(text, view.shape[1] * 0.9, view.shape[0] * share)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thickness)
        margin = height // 2
        spots = _spots(box, width + 2 * margin, height + 2 * margin, view)
        free = [spot for spot in spots if not any(_overlap(spot, other) for other in placed)]
        if free:
            break
    left, top, right, bottom = spot = (free or spots)[0]
    cv2.rectangle(view, (left, top), (right, bottom), colour, -1)
    cv2.putText(
        view,
        text,
        (left + margin, top + margin + height),
        cv2.FONT_HERSHEY_DUPLEX,
        scale,
        _ink_on(colour),
        thickness,
        cv2.LINE_AA,
    )
    return spot


def _spots(box: BoundingBox, width: int, height: int, view: Pixels) -> list[Rectangle]:
    """Places for a label of this size, best first; each is wholly in the view.

    They are above, below and inside the box, at its left or right edge.
    """
    spots = []
    for top in (box.ymin - height, box.ymax, box.ymin):
        for left in (box.xmin, box.xmax - width):
            x, y = (
                max(0, min(round(left), view.shape[1] - width)),
                max(0, min(round(top), view.shape[0] - height)),
            )
            spots.append((x, y, x + width, y + height))
    return spots


def _draw_banner(area: Pixels, message: Message) -> None:
    ground = GROUNDS[message.state]
    area[:] = ground
    height, width = area.shape[:2]
    _centre(area, message.title, height * 0.33, height * 0.44, width * 0.94, ground)
    largest = _fit("H", width, height * 0.2)[0]
    detail = next(
        (text for text in message.details if _fit(text, width * 0.94, height * 0.2)[0] > 0.8 * largest),
        message.details[-1],
    )
    _centre(area, detail, height * 0.77, height * 0.2, width * 0.94, ground)


def _centre(
    area: Pixels, text: str, middle: float, tall: float, wide: float, ground: tuple[int, int, int]
) -> None:
    cv2 = import_cv2()
    scale, thickness = _fit(text, wide, tall)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thickness)
    origin = (area.shape[1] - width) // 2, round(middle + height / 2)
    cv2.putText(area, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, _ink_on(ground), thickness, cv2.LINE_AA)


def _fit(text: str, wide: float, tall: float) -> tuple[float, int]:
    """OpenCV's font scale and stroke (px) for capitals that are `tall` px high.

    They are smaller where the text would be wider than `wide` px.
    """
    cv2 = import_cv2()
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 10.0, 1)
    scale = 10.0 * min(tall / height, wide / width)
    return scale, max(1, round(scale * 2))


def _ink_on(ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white: the one with more contrast to this ground."""
    return (0, 0, 0) if 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2] > 130 else (255, 255, 255)


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
